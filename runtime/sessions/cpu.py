"""Detect this CPU's int8 matmul support, and say what it means for a quantized file."""

import platform
from functools import cache
from typing import get_args

import numpy as np

from convbert_onnx.bundle import Cpu, ExportRecord
from convbert_onnx.errors import InputError
from convbert_onnx.packages import load_onnxruntime
from convbert_onnx.runtime.model_files.protobuf import write_field
from convbert_onnx.runtime.sessions.kernels import KernelUse
from convbert_onnx.runtime.sessions.onnxruntime_types import Session

__all__ = ["EXACT_OPTION", "cpu_of_this_machine", "describe_int8", "needs_exact_option", "pairs_saturate"]

EXACT_OPTION = "session.x64quantprecision"
"""onnxruntime's option that makes its int8 matmuls exact on x86 without VNNI; elsewhere it changes nothing."""

_SUITS: dict[str, Cpu] = {"avx2": "avx2", "avx512": "avx2", "avxvnni": "vnni", "avx512vnni": "vnni", "neon": "arm64"}
"""The form that is fastest with the native kernels of an instruction set."""

_UINT8, _INT8, _INT32 = 2, 3, 6
"""Types of onnx.proto."""

_DEPTH = 64
"""Inputs of the matmul that is tried."""


@cache
def cpu_of_this_machine() -> Cpu:
    """The ``cpu`` of int8 files that suits this machine: what onnxruntime's int8 matmul computes here decides."""
    if platform.machine().lower() in ("aarch64", "arm64"):
        return "arm64"
    return "avx2" if _saturates() else "vnni"


def pairs_saturate(cpu: Cpu) -> bool:
    """Whether int8 products are added in pairs of 16 bits, as x86 without VNNI does, where large ones saturate.

    Raises:
        InputError: there is no such CPU.
    """
    if cpu not in get_args(Cpu):
        raise InputError(f"cpu must be one of auto, {', '.join(get_args(Cpu))}, not {cpu!r}")
    return cpu == "avx2"


def needs_exact_option(record: ExportRecord) -> bool:
    """Whether onnxruntime's own int8 matmuls would saturate here with the weights of a file: see EXACT_OPTION."""
    return record.cpu is not None and not pairs_saturate(record.cpu) and pairs_saturate(cpu_of_this_machine())


def describe_int8(record: ExportRecord, kernels: KernelUse) -> str | None:
    """Whether an int8 file is in the form that is fastest here; None for other files.

    Every form gives the same answers on every CPU, so this is about speed alone.
    """
    if record.cpu is None:
        return None
    here = _cpu_of(kernels)
    if record.cpu == here or (record.cpu, here) == ("avx2", "vnni"):
        return "the fast form for this machine"
    return f"exact here, and faster if quantized with cpu={here!r}"


def _cpu_of(kernels: KernelUse) -> Cpu:
    """The form that suits the native kernels of a session, or the machine where there are none."""
    return _SUITS.get(kernels.isa or "") or cpu_of_this_machine()


def _saturates() -> bool:
    """Whether a matmul of the largest bytes gives less than it should."""
    session: Session = load_onnxruntime().InferenceSession(_matmul())
    feed = {"rows": np.full((1, _DEPTH), 255, np.uint8), "weight": np.full((_DEPTH, 16), 127, np.int8)}
    (sums,) = session.run(None, feed)
    return bool((sums != 255 * 127 * _DEPTH).any())


def _matmul() -> bytes:
    """An ONNX model that is one MatMulInteger. Fields are numbered as in onnx.proto."""
    node = _text(1, "rows") + _text(1, "weight") + _text(2, "sums") + _text(4, "MatMulInteger")
    graph = write_field(1, node) + _text(2, "int8")
    graph += write_field(11, _value("rows", _UINT8)) + write_field(11, _value("weight", _INT8))
    graph += write_field(12, _value("sums", _INT32))
    return write_field(1, 8) + write_field(7, graph) + write_field(8, write_field(2, 18))


def _value(name: str, kind: int) -> bytes:
    axes = b"".join(write_field(1, _text(2, f"{name}{axis}")) for axis in range(2))
    return _text(1, name) + write_field(2, write_field(1, write_field(1, kind) + write_field(2, axes)))


def _text(number: int, text: str) -> bytes:
    return write_field(number, text.encode())
