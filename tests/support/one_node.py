"""ONNX models with one custom operator, serialized without the onnx package, for tests of the light path."""

import struct
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from convbert_onnx.operators import DOMAIN, OPERATORS, VERSION
from convbert_onnx.runtime.model_files.protobuf import write_field, write_varint

_TYPES = {"float": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7}
_FLOAT_ATTRIBUTE, _INT_ATTRIBUTE = 1, 2


def one_node(
    name: str,
    inputs: Mapping[str, Sequence[int | str]],
    outputs: Sequence[str],
    attributes: Mapping[str, int | float],
    *,
    between: str | None = None,
    weight: NDArray[np.int8] | None = None,
) -> bytes:
    """Serialize a model with one node of a custom operator.

    Args:
        name: the operator, whose input types are those of the table.
        inputs: axes by input, as sizes or names; an input without axes is omitted from the node.
        outputs: names of the outputs.
        attributes: values by name.
        between: a standard operator to apply to the first input and to each output.
        weight: constant second input, which is then not in ``inputs``.
    """
    given = [input_name if axes else "" for input_name, axes in inputs.items()]
    if weight is not None:
        given.insert(1, "weight")
    results = [f"{output}_result" for output in outputs] if between else list(outputs)
    first = b""
    if between:
        first = write_field(1, _text(1, given[0]) + _text(2, "first_input") + _text(4, between))
        given[0] = "first_input"
    node = b"".join(_text(1, value) for value in given) + b"".join(_text(2, value) for value in outputs)
    node += (
        _text(4, name) + b"".join(write_field(5, _attribute(*item)) for item in attributes.items()) + _text(7, DOMAIN)
    )
    graph = first + write_field(1, node)
    for output, result in zip(outputs, results, strict=True):
        if between:
            graph += write_field(1, _text(1, output) + _text(2, result) + _text(4, between))
    graph += _text(2, name)
    if weight is not None:
        dims = b"".join(_int(1, size) for size in weight.shape)
        graph += write_field(5, dims + _int(2, _TYPES["int8"]) + _text(8, "weight") + write_field(9, weight.tobytes()))
    declared = next(operator.inputs for operator in OPERATORS if operator.name == name)
    graph += b"".join(write_field(11, _value(key, declared[key], axes)) for key, axes in inputs.items() if axes)
    graph += b"".join(write_field(12, _text(1, result)) for result in results)
    opsets = write_field(8, _text(1, "") + _int(2, 18)) + write_field(8, _text(1, DOMAIN) + _int(2, VERSION))
    return _int(1, 8) + opsets + write_field(7, graph)


def _value(name: str, declared: str, axes: Sequence[int | str]) -> bytes:
    shape = write_field(2, b"".join(write_field(1, _axis(axis)) for axis in axes))
    return _text(1, name) + write_field(2, write_field(1, _int(1, _TYPES[declared.split()[0]]) + shape))


def _axis(axis: int | str) -> bytes:
    return _text(2, axis) if isinstance(axis, str) else _int(1, axis)


def _attribute(name: str, value: int | float) -> bytes:
    if isinstance(value, int):
        return _text(1, name) + _int(3, value) + _int(20, _INT_ATTRIBUTE)
    return _text(1, name) + write_varint(2 << 3 | 5) + struct.pack("<f", value) + _int(20, _FLOAT_ATTRIBUTE)


def _int(field: int, value: int) -> bytes:
    return write_field(field, value & (2**64 - 1))  # protobuf encodes negative integers as 64-bit two's complement


def _text(field: int, value: str) -> bytes:
    return write_field(field, value.encode())
