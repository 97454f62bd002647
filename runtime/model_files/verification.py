"""Integrity checks: SHA-256 of the parts of a file, compared with the hashes in its export record.

They detect damage and mixed-up files. They do not detect an attacker, who can change the hashes too.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping

from convbert_onnx.bundle import Bundle
from convbert_onnx.errors import BundleError
from convbert_onnx.runtime.model_files.external_data import ExternalData
from convbert_onnx.runtime.model_files.onnx_file import OnnxFile
from convbert_onnx.runtime.model_files.onnx_parser import Tensor
from convbert_onnx.runtime.model_files.onnx_proto import is_graph, is_initializer, is_metadata
from convbert_onnx.runtime.model_files.protobuf import fields

__all__ = ["differing_parts", "hash_metadata", "hash_parts", "require_intact"]

_RECORD = "convbert_onnx.export"
_PREFIX = "convbert_onnx."
_BLOCK_BYTES = 2**20


def differing_parts(file: OnnxFile, external: ExternalData) -> list[str]:
    """Return the names of the parts that differ from what the exporter wrote.

    Raises:
        BundleError: the file has no hashes to compare with.
    """
    metadata = file.contents.metadata
    bundle = Bundle.from_metadata(metadata)
    if bundle is None or not bundle.record.sha256:
        raise BundleError(
            f"{file.path} carries no hashes of its parts, so it cannot be verified: export the model again"
        )
    actual = hash_parts(file, external) | hash_metadata(metadata)
    expected = bundle.record.sha256
    return sorted(name for name in actual.keys() | expected.keys() if actual.get(name) != expected.get(name))


def require_intact(file: OnnxFile, external: ExternalData) -> None:
    """Check that a file is as the exporter wrote it.

    Raises:
        BundleError: it is not, or has no hashes to compare with.
    """
    if parts := differing_parts(file, external):
        raise BundleError(f"{file.path} is not as it was written ({', '.join(parts)} differ): copy or export it again")


def hash_parts(file: OnnxFile, external: ExternalData) -> dict[str, str]:
    """Return the SHA-256 of the weights, including those in other files, and of the graph without them."""
    graph, weights = hashlib.sha256(), hashlib.sha256()
    for part in fields(file.data, 0, file.size):
        if is_metadata(part):
            continue
        if not is_graph(part):
            graph.update(part.encoded(file.data))
            continue
        for inner in fields(file.data, part.content_start, part.end):
            if not is_initializer(inner):
                graph.update(inner.encoded(file.data))
    external_tensors = {one.tensor.field: one for one in external.tensors}
    for tensor in file.contents.tensors:
        if tensor.initializer:
            weights.update(f"{tensor.name} {tensor.data_type} {tensor.dims}\n".encode())
            if tensor.field in external_tensors:
                weights.update(external.content(external_tensors[tensor.field]))
            for block in _blocks(file, tensor):
                weights.update(block)
    return {"graph": graph.hexdigest(), "weights": weights.hexdigest()}


def hash_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return the SHA-256 of each entry of a bundle; that of the export record leaves out the hashes it contains."""
    hashes = {}
    for name, text in metadata.items():
        if name.startswith(_PREFIX):
            content = _without_hashes(text) if name == _RECORD else text
            hashes[name.removeprefix(_PREFIX)] = hashlib.sha256(content.encode()).hexdigest()
    return hashes


def _without_hashes(text: str) -> str:
    record: dict[str, object] = json.loads(text)
    record.pop("sha256", None)
    return json.dumps(record, sort_keys=True)


def _blocks(file: OnnxFile, tensor: Tensor) -> Iterator[bytes]:
    """Read the values of a tensor that its own file contains; the whole tensor if they are not ``raw_data``."""
    if tensor.external_data:
        return
    field = tensor.raw_data if tensor.raw_data is not None else tensor.field
    for start in range(field.content_start, field.end, _BLOCK_BYTES):
        yield file.data[start : min(start + _BLOCK_BYTES, field.end)]
