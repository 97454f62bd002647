"""The constants, compared with the definitions in the package onnx."""

from enum import IntEnum

import pytest

from convbert_onnx.runtime.model_files import onnx_proto

onnx = pytest.importorskip("onnx")

MESSAGES = {
    onnx_proto.ModelProto: "ModelProto",
    onnx_proto.TrainingInfoProto: "TrainingInfoProto",
    onnx_proto.GraphProto: "GraphProto",
    onnx_proto.FunctionProto: "FunctionProto",
    onnx_proto.NodeProto: "NodeProto",
    onnx_proto.AttributeProto: "AttributeProto",
    onnx_proto.TensorProto: "TensorProto",
    onnx_proto.StringStringEntryProto: "StringStringEntryProto",
    onnx_proto.OperatorSetIdProto: "OperatorSetIdProto",
    onnx_proto.ValueInfoProto: "ValueInfoProto",
    onnx_proto.TypeProto: "TypeProto",
    onnx_proto.TensorTypeProto: "TypeProto.Tensor",
    onnx_proto.TensorShapeProto: "TensorShapeProto",
    onnx_proto.Dimension: "TensorShapeProto.Dimension",
}


def message_type(name: str) -> object:
    found: object = onnx
    for part in name.split("."):
        found = getattr(found, part)
    return found


@pytest.mark.parametrize("fields", MESSAGES, ids=MESSAGES.get)
def test_field_numbers_are_those_of_onnx(fields: type[IntEnum]) -> None:
    expected = {
        field.name.upper(): field.number
        for field in message_type(MESSAGES[fields]).DESCRIPTOR.fields  # type: ignore[attr-defined]
    }
    assert {field.name: field.value for field in fields} == {field.name: expected[field.name] for field in fields}


def test_data_types_are_those_of_onnx() -> None:
    known = dict(onnx.TensorProto.DataType.items())
    assert {one.name: one.value for one in onnx_proto.DataType if one.name in known}.items() <= known.items()
    assert {"FLOAT", "UINT8", "INT8", "INT64"} <= known.keys()
    assert dict(onnx.TensorProto.DataLocation.items()) == {one.name: one.value for one in onnx_proto.DataLocation}


def test_every_message_is_compared() -> None:
    enums = {value for value in vars(onnx_proto).values() if isinstance(value, type) and issubclass(value, IntEnum)}
    assert {one for one in enums if one.__module__ == onnx_proto.__name__} == {
        *MESSAGES,
        onnx_proto.DataType,
        onnx_proto.DataLocation,
    }
