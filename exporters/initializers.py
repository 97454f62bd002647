"""Read and create the constants and weights of a graph."""

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

__all__ = ["as_array", "has_values", "initializer", "is_vector"]


def has_values(value: ir.Value | None, *expected: float) -> bool:
    """Whether a value is a constant with these elements (to 1e-6), whatever its shape."""
    constant = ir.convenience.get_const_tensor(value) if value is not None else None
    if constant is None or constant.size != len(expected):
        return False
    return all(abs(float(one) - other) <= 1e-6 for one, other in zip(constant.numpy().ravel(), expected, strict=True))


def is_vector(value: ir.Value | None) -> bool:
    """Whether a value is an initializer with one axis, as a bias is."""
    return value is not None and value.is_initializer() and value.shape is not None and len(value.shape) == 1


def initializer(graph: ir.Graph, name: str, array: NDArray[np.generic]) -> ir.Value:
    """Add an initializer to a graph."""
    value = ir.val(name, const_value=ir.tensor(array, name=name))
    graph.register_initializer(value)
    return value


def as_array(value: ir.Value | None) -> NDArray[np.float32]:
    """The elements of an initializer."""
    assert value is not None and value.const_value is not None
    return value.const_value.numpy()
