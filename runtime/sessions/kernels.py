"""The native kernels of our operators: found, and registered with the sessions that can use them.

A session without them computes the same through the functions that the file carries.
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
    "multiplies",
    "register_kernels",
    "signatures",
]

Native = bool | Literal["auto"]
"""True demands the native kernels, False forbids them, "auto" takes them where they can be had."""

LIBRARY = Path(__file__).parents[1] / "native" / "kernels.so"
"""Where the build puts them."""

NATIVE_VARIABLE = "CONVBERT_ONNX_NATIVE"
"""Names the environment variable that stands for ``native`` where it is not passed: 1, 0 or auto."""

ISA_VARIABLE = "CONVBERT_ONNX_ISA"
"""Names the environment variable that takes another instruction set than the best of the machine."""

_SWITCH = {"1": True, "0": False, "auto": "auto", "": "auto"}

_registered: WeakSet[SessionOptions] = WeakSet()
"""The callers' own options that have the kernels; onnxruntime refuses to take the same operators twice."""


@dataclass(frozen=True)
class KernelUse:
    """How a session computes our operators.

    Attributes:
        isa: the instruction set of the native kernels, or None where the functions of the file are run.
        reason: why they are, or None.
    """

    isa: str | None
    reason: str | None

    def __str__(self) -> str:
        return f"native, {self.isa}" if self.isa else f"fallback, {self.reason}"


def register_kernels(
    session_options: SessionOptions, providers: Sequence[str], *, native: Native | None = None, own_options: bool = True
) -> KernelUse:
    """Register the kernels with the options of a session that is to be made, where that is wanted and possible.

    Args:
        session_options: an ``onnxruntime.SessionOptions``.
        providers: onnxruntime's names of the providers that the session will have.
        native: see :data:`Native`; by default what the environment says.
        own_options: whether nobody else uses the options. Those of a caller are left alone unless ``native`` is True.

    Raises:
        KernelsError: they are demanded, and not possible here.
        InputError: ``native`` or an environment variable has no meaning.
    """
    native = _wanted(native)
    reason = _obstacle(native, providers, own_options)
    if reason is not None:
        if native is True:
            raise KernelsError(f"the native kernels cannot be used: {reason}; or do without with --no-native")
        return KernelUse(None, reason)
    isa = _isa()
    if own_options or session_options not in _registered:
        session_options.register_custom_ops_library(str(LIBRARY))
    if not own_options:
        _registered.add(session_options)
    return KernelUse(isa, None)


def describe_kernels(use: KernelUse, record: ExportRecord | None) -> str:
    """What computes our operators in a session on the file with this record, if it has one."""
    if record is None:
        return "unknown"
    ours = any(name.startswith(f"{DOMAIN}.") for name in record.operators)
    return str(use) if ours else "standard operators only"


def available_isas() -> list[str]:
    """The instruction sets that this machine and the kernels have in common, the best first.

    Raises:
        KernelsError: the library is not there, or cannot be loaded.
    """
    names = ctypes.create_string_buffer(64)
    _loaded().convbert_onnx_isas(names)
    return names.value.decode().split()


def signatures() -> list[str]:
    """What the operators in the library take and give, such as ``Name(a, b, mask?; size: int) -> c``.

    Raises:
        KernelsError: the library is not there, or cannot be loaded.
    """
    library = _loaded()
    found: list[str] = []
    text = ctypes.create_string_buffer(256)
    while True:
        library.convbert_onnx_signature(ctypes.c_size_t(len(found)), text, ctypes.c_size_t(len(text)))
        if not text.value:
            return found
        found.append(text.value.decode())


def multiplies() -> bool:
    """Whether the kernels multiply bytes too on this machine; otherwise onnxruntime does, where it is faster.

    Raises:
        KernelsError: the library is not there, or cannot be loaded.
    """
    return bool(_loaded().convbert_onnx_multiplies())


def _wanted(native: Native | None) -> Native:
    if native is None:
        value = os.environ.get(NATIVE_VARIABLE, "auto")
        if value not in _SWITCH:
            raise InputError(f"{NATIVE_VARIABLE} must be 1, 0 or auto, not {value!r}")
        return _SWITCH[value]  # type: ignore[return-value]
    if native not in (True, False, "auto"):
        raise InputError(f"native must be True, False or 'auto', not {native!r}")
    return native


def _obstacle(native: Native, providers: Sequence[str], own_options: bool) -> str | None:
    """Why the kernels are not used, with what to do where it was not the caller's wish."""
    if native is False:
        return "as asked for"
    if list(providers) != [CPU]:
        # onnxruntime would take the nodes to the CPU, and their inputs and outputs with them.
        return "they are for sessions on the CPU alone: pass providers='cpu'"
    if native == "auto" and not own_options:
        return "session_options were passed: pass native=True too, and the kernels are registered with them"
    library = _library()
    return library if isinstance(library, str) else None


def _isa() -> str:
    """The instruction set that the kernels will use."""
    available = available_isas()
    isa = os.environ.get(ISA_VARIABLE) or available[0]
    if isa not in available:
        raise InputError(f"{ISA_VARIABLE} must be one of {', '.join(available)} on this machine, not {isa!r}")
    return isa


def _loaded() -> ctypes.CDLL:
    library = _library()
    if isinstance(library, str):
        raise KernelsError(f"the native kernels cannot be used: {library}")
    return library


@cache
def _library() -> ctypes.CDLL | str:
    """The library, or why there is none."""
    if not LIBRARY.is_file():
        return "the library is not installed: install convbert-onnx where gcc or clang is, or a wheel for this platform"
    try:
        library = ctypes.CDLL(str(LIBRARY))
        library.convbert_onnx_multiplies.restype = ctypes.c_bool
        return library
    except OSError as error:
        return f"the library cannot be loaded ({error}): install convbert-onnx again on this machine"
