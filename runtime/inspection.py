"""What a file says of itself, whether it is a bundle of ours or not."""

from pathlib import Path
from typing import Any

from convbert_onnx.runtime.model import find_file
from convbert_onnx.runtime.model_files.external_data import ExternalData
from convbert_onnx.runtime.model_files.onnx_file import OnnxFile
from convbert_onnx.runtime.model_files.verification import differing_parts
from convbert_onnx.runtime.sessions.cpu import describe_int8
from convbert_onnx.runtime.sessions.kernels import describe_kernels
from convbert_onnx.runtime.sessions.session import open_session

__all__ = ["inspect"]


def inspect(path: str | Path, *, verify: bool = False) -> dict[str, Any]:
    """File, interface, kernels, and what the bundle records, as JSON could hold it; no record in files not of ours.

    Args:
        path: the file, or a directory with one.
        verify: also compare the file with the hashes in its record: ``differs`` then names the parts that are not as
            they were written. Otherwise it is None.

    Raises:
        FileMissingError: there is no such file.
        BundleError: it cannot be loaded, or has no hashes to compare with.
    """
    file = find_file(path)
    size = 0
    differs: list[str] | None = None

    def look(opened: OnnxFile, external: ExternalData) -> None:
        nonlocal size, differs
        size = opened.size + external.size
        differs = differing_parts(opened, external) if verify else None

    opened = open_session(file, check=look)
    session, bundle = opened.session, opened.bundle
    return {
        "file": str(file),
        "bytes": size,
        "inputs": {spec.name: spec.shape for spec in session.get_inputs()},
        "outputs": {spec.name: spec.shape for spec in session.get_outputs()},
        "kernels": describe_kernels(opened.kernels, bundle.record if bundle else None),
        "int8": describe_int8(bundle.record, opened.kernels) if bundle else None,
        "record": bundle.record.to_dict() if bundle else None,
        "config": bundle.config.to_dict() if bundle else None,
        "tokenizer": dict(bundle.tokenizer_config) if bundle else None,
        "differs": differs,
    }
