"""What a file says of itself, whether it is a bundle of ours or not."""

from pathlib import Path
from typing import Any

from convbert_onnx.bundle import Bundle
from convbert_onnx.errors import BundleError
from convbert_onnx.runtime.cpu import describe_int8
from convbert_onnx.runtime.external_data import total_bytes
from convbert_onnx.runtime.kernels import describe_kernels
from convbert_onnx.runtime.model import find_file
from convbert_onnx.runtime.session import open_session

__all__ = ["inspect"]


def inspect(path: str | Path) -> dict[str, Any]:
    """File, interface, kernels, and what the bundle records, as JSON could hold it; no record in files not of ours.

    Raises:
        FileMissingError: there is no such file.
        BundleError: it cannot be loaded.
    """
    file = find_file(Path(path))
    session, kernels = open_session(file)
    try:
        bundle = Bundle.from_metadata(session.get_modelmeta().custom_metadata_map)
    except BundleError as error:
        raise BundleError(f"{file}: {error}") from error
    return {
        "file": str(file),
        "bytes": total_bytes(file),
        "inputs": {spec.name: spec.shape for spec in session.get_inputs()},
        "outputs": {spec.name: spec.shape for spec in session.get_outputs()},
        "kernels": describe_kernels(kernels, bundle.record if bundle else None),
        "int8": describe_int8(bundle.record, kernels) if bundle else None,
        "record": bundle.record.to_dict() if bundle else None,
        "config": bundle.config.to_dict() if bundle else None,
        "tokenizer": dict(bundle.tokenizer_config) if bundle else None,
    }
