"""Parts of ONNX files, serialized without the onnx package, for tests of the light path."""

import numpy as np
from numpy.typing import NDArray

from convbert_onnx.runtime.model_files.protobuf import write_field

__all__ = ["FLOAT", "INT8", "INT64", "node", "tensor", "value"]

FLOAT, INT8, INT64 = 1, 3, 7


def tensor(name: str, kind: int, array: NDArray[np.generic], location: str | None = None) -> bytes:
    """An initializer with its data, or with the location of its external data."""
    content = b"".join(write_field(1, size) for size in array.shape)
    content += write_field(2, kind) + write_field(8, name.encode())
    if location is None:
        return content + write_field(9, array.tobytes())
    entry = write_field(1, b"location") + write_field(2, location.encode())
    return content + write_field(13, entry) + write_field(14, 1)


def value(name: str, kind: int) -> bytes:
    """A graph input or output."""
    return write_field(1, name.encode()) + write_field(2, write_field(1, write_field(1, kind)))


def node(operator: str, inputs: list[str], outputs: list[str]) -> bytes:
    """A node of a standard operator."""
    names = b"".join(write_field(1, name.encode()) for name in inputs)
    return names + b"".join(write_field(2, name.encode()) for name in outputs) + write_field(4, operator.encode())
