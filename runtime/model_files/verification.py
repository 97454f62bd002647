"""Whether a file is as it was written: hashes of its parts, and their comparison with those in its record.

They find damage, and files that were mixed up. Who changes a file on purpose can change its hashes too.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from convbert_onnx.bundle import Bundle
from convbert_onnx.errors import BundleError
from convbert_onnx.runtime.model_files.external_data import ExternalData
from convbert_onnx.runtime.model_files.onnx_file import OnnxFile, Tensor, is_graph, is_initializer, is_metadata
from convbert_onnx.runtime.model_files.protobuf import fields

__all__ = ["hash_metadata", "hash_parts", "require_intact", "what_differs"]

_RECORD = "convbert_onnx.export"
_PREFIX = "convbert_onnx."
_BLOCK = 2**20


def what_differs(file: OnnxFile, external: ExternalData) -> list[str]:
    """The parts of a file that are not as they were written.

    Raises:
        BundleError: the file has no hashes to compare with.
    """
    metadata = file.contents.metadata
    bundle = Bundle.from_metadata(metadata)
    if bundle is None or not bundle.record.sha256:
        raise BundleError(
            f"{file.path} carries no hashes of its parts, so it cannot be verified: export the model again"
        )
    found = hash_parts(file, external) | hash_metadata(metadata)
    expected = bundle.record.sha256
    return sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))


def require_intact(file: OnnxFile, external: ExternalData) -> None:
    """Make sure that a file is as it was written.

    Raises:
        BundleError: it is not, or has no hashes to compare with.
    """
    if parts := what_differs(file, external):
        raise BundleError(f"{file.path} is not as it was written ({', '.join(parts)} differ): copy or export it again")


def hash_parts(file: OnnxFile, external: ExternalData) -> dict[str, str]:
    """SHA-256 of the weights, wherever they are, and of the graph without them."""
    graph, weights = hashlib.sha256(), hashlib.sha256()
    for part in fields(file.data, 0, file.stamp.size):
        if is_metadata(part):
            continue
        if not is_graph(part):
            graph.update(file.data[part.start : part.end])
            continue
        for inner in fields(file.data, part.first, part.end):
            if not is_initializer(inner):
                graph.update(file.data[inner.start : inner.end])
    elsewhere = {tensor.tensor.place: tensor for tensor in external.tensors}
    for tensor in file.contents.tensors:
        if tensor.initializer:
            weights.update(f"{tensor.name} {tensor.kind} {tensor.dims}\n".encode())
            weights.update(external.content(elsewhere[tensor.place]) if tensor.place in elsewhere else b"")
            for block in _content(file, tensor):
                weights.update(block)
    return {"graph": graph.hexdigest(), "weights": weights.hexdigest()}


def hash_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """SHA-256 of the entries of a bundle; of its record without the hashes that it carries."""
    found = {}
    for name, text in metadata.items():
        if name.startswith(_PREFIX):
            content = _without_hashes(text) if name == _RECORD else text
            found[name.removeprefix(_PREFIX)] = hashlib.sha256(content.encode()).hexdigest()
    return found


def _without_hashes(text: str) -> str:
    record: dict[str, Any] = json.loads(text)
    record.pop("sha256", None)
    return json.dumps(record, sort_keys=True)


def _content(file: OnnxFile, tensor: Tensor) -> Iterator[bytes]:
    """The numbers of a tensor that are in its own file; all of the tensor where they are not plain bytes."""
    if tensor.entries:
        return
    place = tensor.raw if tensor.raw is not None else tensor.place
    for start in range(place.first, place.end, _BLOCK):
        yield file.data[start : min(start + _BLOCK, place.end)]
