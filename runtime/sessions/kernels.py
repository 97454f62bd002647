"""Load the native kernels of our operators, and register them with sessions that can use them.

A session without the kernels runs the ONNX functions in the file, which compute the same.
"""

import ctypes
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal
from weakref import WeakSet

from convbert_onnx.bundle import ExportRecord
from convbert_onnx.errors import InputError, KernelsError
from convbert_onnx.operators import DOMAIN
from convbert_onnx.runtime.sessions.onnxruntime_types import SessionOptions
from convbert_onnx.runtime.sessions.providers import CPU

__all__ = [
    "ISA_VARIABLE",
    "LIBRARY",
    "NATIVE_VARIABLE",
    "KernelUse",
    "Native",
    "available_isas",
    "describe_kernels",
    "has_int8_matmuls",
    "register_kernels",
    "signatures",
]

Native = bool | Literal["auto"]
"""True requires the native kernels, False disables them, "auto" uses them if possible."""

LIBRARY = Path(__file__).parents[1] / "native" / "kernels.so"
"""The shared library that the build writes."""

NATIVE_VARIABLE = "CONVBERT_ONNX_NATIVE"
"""Environment variable with the default of ``native``: 1, 0 or auto."""

ISA_VARIABLE = "CONVBERT_ONNX_ISA"
"""Environment variable that selects an instruction set other than the best of the machine."""

_NATIVE_VALUES: dict[str, Native] = {"1": True, "0": False, "auto": "auto", "": "auto"}

_registered: WeakSet[SessionOptions] = WeakSet()
"""Options of callers that already have the kernels; onnxruntime refuses to register operators twice."""


@dataclass(frozen=True)
class KernelUse:
    """The implementation of our operators in a session: native kernels or functions.

    Attributes:
        isa: the instruction set of the native kernels, or None if the session runs the functions in the file.
        reason: why it runs the functions, or None.
    """

    isa: str | None
    reason: str | None

    def __str__(self) -> str:
        return f"native, {self.isa}" if self.isa else f"fallback, {self.reason}"


def register_kernels(
    session_options: SessionOptions, providers: Sequence[str], *, native: Native | None = None, own_options: bool = True
) -> KernelUse:
    """Register the kernels with the options for a session, if they are wanted and possible.

    Args:
        session_options: an ``onnxruntime.SessionOptions``.
        providers: onnxruntime's names of the session's providers.
        native: see :data:`Native`; by default the value of the environment variable.
        own_options: whether the options were created here. Those of a caller are changed only if ``native`` is True.

    Raises:
        KernelsError: the kernels are required but cannot be used here.
        InputError: ``native`` or an environment variable has an unknown value.
    """
    native = _resolve_native(native)
    reason = _fallback_reason(native, providers, own_options)
    if reason is not None:
        if native is True:
            raise KernelsError(f"the native kernels cannot be used: {reason}; or pass native=False to run without them")
        return KernelUse(None, reason)
    isa = _selected_isa()
    if own_options or session_options not in _registered:
        session_options.register_custom_ops_library(str(LIBRARY))
    if not own_options:
        _registered.add(session_options)
    return KernelUse(isa, None)


def describe_kernels(use: KernelUse, record: ExportRecord | None) -> str:
    """Say what computes our operators in a session for the file with this record."""
    if record is None:
        return "unknown"
    ours = any(name.startswith(f"{DOMAIN}.") for name in record.operators)
    return str(use) if ours else "standard operators only"


def available_isas() -> list[str]:
    """Return the instruction sets that both this machine and the kernels support, best first.

    Raises:
        KernelsError: the library is missing or cannot be loaded.
    """
    names = ctypes.create_string_buffer(64)
    _require_library().convbert_onnx_isas(names)
    return names.value.decode().split()


def signatures() -> list[str]:
    """Return the signatures of the operators in the library, such as ``Name(a, b, mask?; size: int) -> c``.

    Raises:
        KernelsError: the library is missing or cannot be loaded.
    """
    library = _require_library()
    result: list[str] = []
    text = ctypes.create_string_buffer(256)
    while True:
        library.convbert_onnx_signature(ctypes.c_size_t(len(result)), text, ctypes.c_size_t(len(text)))
        if not text.value:
            return result
        result.append(text.value.decode())


def has_int8_matmuls() -> bool:
    """Whether the kernels include int8 matmuls on this machine; on others onnxruntime's are faster.

    Raises:
        KernelsError: the library is missing or cannot be loaded.
    """
    return bool(_require_library().convbert_onnx_has_int8_matmuls())


def _resolve_native(native: Native | None) -> Native:
    if native is None:
        value = os.environ.get(NATIVE_VARIABLE, "auto")
        if value not in _NATIVE_VALUES:
            raise InputError(f"{NATIVE_VARIABLE} must be 1, 0 or auto, not {value!r}")
        return _NATIVE_VALUES[value]
    if native not in (True, False, "auto"):
        raise InputError(f"native must be True, False or 'auto', not {native!r}")
    return native


def _fallback_reason(native: Native, providers: Sequence[str], own_options: bool) -> str | None:
    """Say why the kernels cannot be used, and what to do about it; None if they can."""
    if native is False:
        return "as asked for"
    if list(providers) != [CPU]:
        # onnxruntime would run the nodes on the CPU, and copy their inputs and outputs between devices.
        return "they only support sessions on the CPU: pass providers='cpu'"
    if native == "auto" and not own_options:
        return "session_options were passed: pass native=True too to register the kernels with them"
    library = _load_library()
    return library if isinstance(library, str) else None


def _selected_isa() -> str:
    """Return the instruction set that the kernels will use."""
    available = available_isas()
    isa = os.environ.get(ISA_VARIABLE) or available[0]
    if isa not in available:
        raise InputError(f"{ISA_VARIABLE} must be one of {', '.join(available)} on this machine, not {isa!r}")
    return isa


def _require_library() -> ctypes.CDLL:
    library = _load_library()
    if isinstance(library, str):
        raise KernelsError(f"the native kernels cannot be used: {library}")
    return library


@cache
def _load_library() -> ctypes.CDLL | str:
    """Return the library, or say why it is not available."""
    if not LIBRARY.is_file():
        return "the library is not installed: install a wheel for this platform, or from source with gcc or clang"
    try:
        library = ctypes.CDLL(str(LIBRARY))
        library.convbert_onnx_has_int8_matmuls.restype = ctypes.c_bool
        return library
    except OSError as error:
        return f"the library cannot be loaded ({error}): install convbert-onnx again on this machine"
