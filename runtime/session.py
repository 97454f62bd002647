"""onnxruntime sessions: made with the settings of this project, their errors put into words that help."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from convbert_onnx.errors import BundleError, InputError, KernelsError
from convbert_onnx.runtime.cpu import EXACT_OPTION
from convbert_onnx.runtime.engine import load_onnxruntime
from convbert_onnx.runtime.external_data import check_external_data
from convbert_onnx.runtime.kernels import KernelUse, Native, register_kernels
from convbert_onnx.runtime.mapped_weights import FOLDER_OPTION, without_bytes
from convbert_onnx.runtime.providers import CPU, ProviderSpec, check_active, resolve_providers
from convbert_onnx.runtime.threads import available_cores

__all__ = ["default_options", "open_session"]

_FATAL = 4


def open_session(
    path: Path,
    providers: str | Sequence[ProviderSpec] | None = None,
    threads: int | None = None,
    session_options: Any = None,
    native: Native | None = None,
    exact_int8: bool = False,
) -> tuple[Any, KernelUse]:
    """An ``onnxruntime.InferenceSession`` for the file, and how it computes our operators.

    Args:
        path: the ONNX file.
        providers: see :func:`resolve_providers`.
        threads: threads that compute one operator; by default the physical cores this process may use.
        session_options: an ``onnxruntime.SessionOptions`` that is taken as it is; ``threads`` is then left to it.
        native: True demands the native kernels, False forbids them, "auto" takes them where they can be had. By
            default what the environment variable ``CONVBERT_ONNX_NATIVE`` says (1, 0, auto), else "auto".
        exact_int8: make onnxruntime's own int8 matmuls exact: see :func:`needs_exact_option`.

    Raises:
        ProviderError: a provider that was asked for is not active.
        BundleError: onnxruntime cannot load the file, or it names weights outside its directory.
        FileMissingError: weights that belong beside the file are not there.
        KernelsError: the native kernels were demanded, and cannot be used here or with this file.
        InputError: ``native`` has no meaning, or ``session_options`` lack what ``exact_int8`` needs.
    """
    onnxruntime = load_onnxruntime()
    check_external_data(path)
    asked = resolve_providers(providers)
    own_options = session_options is None
    options = default_options(threads) if own_options else session_options
    if exact_int8:
        _make_exact(options, own_options)
    names = [name for name, _ in asked]
    kernels = register_kernels(options, names, native=native, own_options=own_options)
    try:
        session = _create_mapped(onnxruntime, path, options, asked) if own_options else None
        session = session or _create(onnxruntime, str(path), path, options, asked)
    except BundleError as error:
        if kernels.isa is None or not own_options:
            raise
        # The kernels are for float32; the functions may run what they do not.
        plain = default_options(threads)
        if exact_int8:
            _make_exact(plain, own_options)
        session = _create(onnxruntime, str(path), path, plain, asked)
        if native is True:
            raise KernelsError(f"{error}, with the native kernels; without them, with --no-native, it runs") from error
        kernels = KernelUse(None, "the native kernels cannot run this file")
    check_active(asked, session.get_providers())
    return session, kernels


def _make_exact(options: Any, own_options: bool) -> None:
    if own_options:
        options.add_session_config_entry(EXACT_OPTION, "1")
        return
    try:
        given = options.get_session_config_entry(EXACT_OPTION)
    except RuntimeError:  # there is no such entry
        given = None
    if given != "1":
        raise InputError(
            "int8 matmuls of this file would overflow on this CPU with these session_options: call "
            f"add_session_config_entry({EXACT_OPTION!r}, '1') on them first, or quantize the model with cpu='avx2'"
        )


def _create_mapped(
    onnxruntime: Any, path: Path, options: Any, providers: Sequence[tuple[str, dict[str, Any]]]
) -> Any | None:
    """A session on the CPU whose weights of bytes stay in the file; None where there are none, or that cannot be."""
    if [name for name, _ in providers] != [CPU]:
        return None
    real = path.resolve()
    try:
        model = without_bytes(real)
        if model is None:
            return None
        options.add_session_config_entry(FOLDER_OPTION, str(real.parent))
        return _create(onnxruntime, model, path, options, providers)
    except (BundleError, ValueError, IndexError):
        return None  # read as a whole, the file runs, or the error is said better


def _create(
    onnxruntime: Any, model: str | bytes, path: Path, options: Any, providers: Sequence[tuple[str, dict[str, Any]]]
) -> Any:
    try:
        # Without enable_fallback=False, a provider that fails is replaced by the CPU after some lines on stdout.
        return onnxruntime.InferenceSession(model, sess_options=options, providers=providers, enable_fallback=False)
    except Exception as error:  # onnxruntime's exceptions have no common base below Exception
        raise BundleError(_explain(path, str(error), onnxruntime.__version__)) from error


def default_options(threads: int | None = None) -> Any:
    """The ``onnxruntime.SessionOptions`` of this project, for callers who want to add something to them."""
    options = load_onnxruntime().SessionOptions()
    options.intra_op_num_threads = threads or available_cores()
    options.log_severity_level = _FATAL  # what is worth knowing comes as an exception
    return options


def _explain(path: Path, message: str, version: str) -> str:
    advice = "pip install --upgrade onnxruntime, or export the model again with a lower --opset"
    if found := re.search(r"Unsupported model IR version: (\d+), max supported IR version: (\d+)", message):
        return f"{path} has ONNX IR version {found[1]}, onnxruntime {version} reads up to {found[2]}: {advice}"
    if found := re.search(r"Opset (\d+) is under development.*?till opset (\d+)", message, re.DOTALL):
        return f"{path} uses opset {found[1]}, onnxruntime {version} knows up to {found[2]}: {advice}"
    if "Protobuf parsing failed" in message or "INVALID_PROTOBUF" in message or "does not have a graph" in message:
        return f"{path} is not a whole ONNX file (cut short, damaged or something else): export or copy it again"
    return f"onnxruntime {version} cannot load {path} ({_first_line(message)}): export the model again"


def _first_line(message: str) -> str:
    return message.strip().splitlines()[0] if message.strip() else "no reason given"
