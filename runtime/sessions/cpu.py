"""Detect this CPU's int8 matmul support, and tell whether a quantized file has the fastest form for it."""

import platform
from functools import cache

import numpy as np

from convbert_onnx.bundle import Cpu, ExportRecord
from convbert_onnx.packages import load_onnxruntime
from convbert_onnx.runtime.model_files.onnx_proto import (
    DataType,
    Dimension,
    GraphProto,
    ModelProto,
    NodeProto,
    OperatorSetIdProto,
    TensorShapeProto,
    TensorTypeProto,
    TypeProto,
    ValueInfoProto,
)
from convbert_onnx.runtime.model_files.protobuf import write_field
from convbert_onnx.runtime.sessions.kernels import KernelUse
from convbert_onnx.runtime.sessions.onnxruntime_types import Session

__all__ = ["EXACT_OPTION", "cpu_of_this_machine", "describe_int8", "needs_exact_option", "pairs_saturate"]

EXACT_OPTION = "session.x64quantprecision"
"""onnxruntime's option that makes its int8 matmuls exact on x86 without VNNI; elsewhere it has no effect."""

_CPU_OF_ISA: dict[str, Cpu] = {
    "avx2": "avx2",
    "avx512": "avx2",
    "avxvnni": "vnni",
    "avx512vnni": "vnni",
    "neon": "arm64",
}
"""The form of int8 files that is fastest with the native kernels for an instruction set."""

_IR_VERSION, _OPSET = 8, 18
_TEST_DEPTH = 64
"""Inner dimension of the matmul that detects saturation."""


@cache
def cpu_of_this_machine() -> Cpu:
    """Return the ``cpu`` option for int8 files that suits this machine.

    On x86 the result of an int8 matmul of the installed onnxruntime decides.
    """
    if platform.machine().lower() in ("aarch64", "arm64"):
        return "arm64"
    return "avx2" if _saturates() else "vnni"


def pairs_saturate(cpu: Cpu) -> bool:
    """Whether int8 products are added in pairs of 16 bits, in which large ones saturate, as on x86 without VNNI."""
    return cpu == "avx2"


def needs_exact_option(record: ExportRecord) -> bool:
    """Whether onnxruntime's own int8 matmuls would saturate here with the weights of a file: see EXACT_OPTION."""
    return record.cpu is not None and not pairs_saturate(record.cpu) and pairs_saturate(cpu_of_this_machine())


def describe_int8(record: ExportRecord, kernels: KernelUse) -> str | None:
    """Say whether an int8 file has the form that is fastest here; None for other files.

    Every form gives the same results on every CPU, so only speed depends on it.
    """
    if record.cpu is None:
        return None
    here = _cpu_of(kernels)
    if record.cpu == here or (record.cpu, here) == ("avx2", "vnni"):
        return "the fast form for this machine"
    return f"exact here, and faster if quantized with cpu={here!r}"


def _cpu_of(kernels: KernelUse) -> Cpu:
    """Return the form that suits the native kernels of a session, or the machine if the session has none."""
    return _CPU_OF_ISA.get(kernels.isa or "") or cpu_of_this_machine()


def _saturates() -> bool:
    """Whether an int8 matmul of the largest values gives less than the exact sum."""
    session: Session = load_onnxruntime().InferenceSession(_matmul_model())
    feed = {"rows": np.full((1, _TEST_DEPTH), 255, np.uint8), "weight": np.full((_TEST_DEPTH, 16), 127, np.int8)}
    (sums,) = session.run(None, feed)
    return bool((sums != 255 * 127 * _TEST_DEPTH).any())


def _matmul_model() -> bytes:
    """Serialize a model with one MatMulInteger."""
    node = _string(NodeProto.INPUT, "rows") + _string(NodeProto.INPUT, "weight")
    node += _string(NodeProto.OUTPUT, "sums") + _string(NodeProto.OP_TYPE, "MatMulInteger")
    graph = write_field(GraphProto.NODE, node) + _string(GraphProto.NAME, "int8")
    graph += write_field(GraphProto.INPUT, _matrix("rows", DataType.UINT8))
    graph += write_field(GraphProto.INPUT, _matrix("weight", DataType.INT8))
    graph += write_field(GraphProto.OUTPUT, _matrix("sums", DataType.INT32))
    opset = write_field(OperatorSetIdProto.VERSION, _OPSET)
    model = write_field(ModelProto.IR_VERSION, _IR_VERSION) + write_field(ModelProto.GRAPH, graph)
    return model + write_field(ModelProto.OPSET_IMPORT, opset)


def _matrix(name: str, data_type: DataType) -> bytes:
    """Serialize the declaration of an input or output with two dynamic axes."""
    axes = (_string(Dimension.DIM_PARAM, f"{name}{axis}") for axis in range(2))
    shape = b"".join(write_field(TensorShapeProto.DIM, axis) for axis in axes)
    tensor = write_field(TensorTypeProto.ELEM_TYPE, data_type) + write_field(TensorTypeProto.SHAPE, shape)
    value_type = write_field(TypeProto.TENSOR_TYPE, tensor)
    return _string(ValueInfoProto.NAME, name) + write_field(ValueInfoProto.TYPE, value_type)


def _string(number: int, text: str) -> bytes:
    return write_field(number, text.encode())
