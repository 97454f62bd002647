"""Inspect a file: what it contains and records, also for files from elsewhere."""

from pathlib import Path
from typing import Any, TypedDict

from convbert_onnx.runtime.model import find_file
from convbert_onnx.runtime.model_files.external_data import ExternalData
from convbert_onnx.runtime.model_files.onnx_file import OnnxFile
from convbert_onnx.runtime.model_files.verification import differing_parts
from convbert_onnx.runtime.sessions.cpu import describe_int8
from convbert_onnx.runtime.sessions.kernels import describe_kernels
from convbert_onnx.runtime.sessions.session import open_session

__all__ = ["FileInfo", "inspect"]


class FileInfo(TypedDict):
    """The content of a file, ready for JSON; ``record``, ``config`` and ``tokenizer`` are None for foreign files.

    Attributes:
        file: the ONNX file.
        bytes: its size, with its external data.
        inputs: the shape of each input of the graph; axes that are not fixed have names.
        outputs: the shape of each output.
        kernels: how the project's operators are computed here.
        int8: how this CPU computes the file's int8 matmuls; None if it has none or the file is not a bundle.
        record: the export record.
        config: the model's config.
        tokenizer: the tokenizer's settings.
        differs: the parts that differ from their hashes in the record; None if they were not compared.
    """

    file: str
    bytes: int
    inputs: dict[str, list[int | str | None]]
    outputs: dict[str, list[int | str | None]]
    kernels: str
    int8: str | None
    record: dict[str, Any] | None
    config: dict[str, object] | None
    tokenizer: dict[str, object] | None
    differs: list[str] | None


def inspect(path: str | Path, *, verify: bool = False) -> FileInfo:
    """Describe a file: its size, interface and kernels, and what the bundle records.

    Args:
        path: the file, or a directory that contains it.
        verify: also compare the file with the hashes in its record.

    Raises:
        FileMissingError: there is no such file.
        BundleError: the file cannot be loaded, or has no hashes to compare with.
    """
    file = find_file(path)
    size = 0
    differs: list[str] | None = None

    def check(opened: OnnxFile, external: ExternalData) -> None:
        nonlocal size, differs
        size = opened.size + external.size
        differs = differing_parts(opened, external) if verify else None

    opened = open_session(file, check=check)
    session, bundle = opened.session, opened.bundle
    return {
        "file": str(file),
        "bytes": size,
        "inputs": {spec.name: list(spec.shape) for spec in session.get_inputs()},
        "outputs": {spec.name: list(spec.shape) for spec in session.get_outputs()},
        "kernels": describe_kernels(opened.kernels, bundle.record if bundle else None),
        "int8": describe_int8(bundle.record, opened.kernels) if bundle else None,
        "record": bundle.record.to_dict() if bundle else None,
        "config": bundle.config.to_dict() if bundle else None,
        "tokenizer": dict(bundle.tokenizer_config) if bundle else None,
        "differs": differs,
    }
