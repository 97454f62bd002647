"""Create onnxruntime sessions with the settings of this project, and translate their errors."""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from convbert_onnx.bundle import Bundle
from convbert_onnx.errors import BundleError, InputError, KernelsError
from convbert_onnx.operators import OPERATORS
from convbert_onnx.packages import load_onnxruntime, version_of
from convbert_onnx.precisions import PRECISIONS
from convbert_onnx.runtime.model_files.external_data import ExternalData
from convbert_onnx.runtime.model_files.mapped_weights import EXTERNAL_FOLDER_OPTION, externalize_int8_weights
from convbert_onnx.runtime.model_files.onnx_file import INCOMPLETE, OnnxFile
from convbert_onnx.runtime.sessions.cpu import EXACT_OPTION, needs_exact_option
from convbert_onnx.runtime.sessions.kernels import KernelUse, Native, register_kernels
from convbert_onnx.runtime.sessions.onnxruntime_types import Session, SessionOptions
from convbert_onnx.runtime.sessions.providers import CPU, ProviderSpec, check_active, resolve_providers
from convbert_onnx.runtime.sessions.threads import available_cores

__all__ = ["FileCheck", "Mmap", "OpenedSession", "default_options", "open_session"]

Mmap = bool | Literal["auto"]
"""False reads all weights into memory; "auto" and True map those that can be mapped from the file."""

FileCheck = Callable[[OnnxFile, ExternalData], None]
"""Inspects an open file before the engine does, and raises if it must not be used."""

_LOG_FATAL = 4
_MAX_ATTEMPTS = 3

_MIN_VERSION_INT8_WEIGHTS = (1, 23)
"""The first onnxruntime whose MatMulNBits supports 8 bits."""

_NOT_FLOAT32 = re.compile(
    rf"Type 'tensor\((?:float16|bfloat16|double)\)' of .* of operator \((?:{'|'.join(one.name for one in OPERATORS)})\)"
)
"""onnxruntime's message for a file that uses our operators with a type that the kernels do not support."""


@dataclass(frozen=True)
class OpenedSession:
    """A session, and what is known about its file.

    Attributes:
        session: the ``onnxruntime.InferenceSession``.
        kernels: how it computes our operators.
        bundle: the record, config and tokenizer in the file, or None if another tool wrote it.
    """

    session: Session
    kernels: KernelUse
    bundle: Bundle | None


def open_session(
    path: Path,
    providers: str | Sequence[ProviderSpec] | None = None,
    threads: int | None = None,
    session_options: SessionOptions | None = None,
    native: Native | None = None,
    *,
    mmap: Mmap = "auto",
    check: FileCheck | None = None,
) -> OpenedSession:
    """Create a session for a file.

    A session never mixes two files: if the path is replaced before the whole file is read, it is opened again.

    Args:
        path: the ONNX file.
        providers: see :func:`resolve_providers`.
        threads: threads that compute one operator; by default the physical cores that this process may use.
        session_options: an ``onnxruntime.SessionOptions`` to use unchanged; it then decides about threads.
        native: True requires the native kernels, False disables them, "auto" uses them if possible. By default the
            environment variable ``CONVBERT_ONNX_NATIVE`` decides (1, 0, auto), else "auto".
        mmap: whether int8 weights and external data may be mapped instead of read.
        check: called with the open file before the engine reads it.

    Raises:
        ProviderError: a requested provider is not active.
        BundleError: onnxruntime cannot load the file, it is damaged, it names weights outside its directory, or another
            process is writing to it.
        FileMissingError: the file or its external data is missing.
        KernelsError: the native kernels are required but cannot be used here or with this file.
        InputError: ``native`` or ``mmap`` has an unknown value, or ``session_options`` lack an entry that the file
            needs.
    """
    if mmap not in (True, False, "auto"):
        raise InputError(f"mmap must be True, False or 'auto', not {mmap!r}")
    requested = resolve_providers(providers)
    path = Path(path)
    for attempt in range(_MAX_ATTEMPTS):
        with OnnxFile(path) as file, closing(ExternalData(file)) as external:
            if check is not None:
                check(file, external)
            try:
                bundle = Bundle.from_metadata(file.contents.metadata)
            except BundleError as error:
                raise BundleError(f"{path}: {error}") from error
            _check_engine(path, bundle)
            in_memory = attempt == _MAX_ATTEMPTS - 1 and not external.tensors
            exact = bundle is not None and needs_exact_option(bundle.record)
            factory = _SessionFactory(
                file, external, requested, threads, session_options, mmap=bool(mmap), in_memory=in_memory, exact=exact
            )
            try:
                session, kernels = factory.create(native)
            except BundleError:
                if file.unchanged() and external.unchanged():
                    raise
                continue
            _check_names(path, session)
            if in_memory or (file.unchanged() and external.unchanged()):
                check_active(requested, session.get_providers())
                return OpenedSession(session, kernels, bundle)
    raise BundleError(f"{path} was replaced or written to each time it was opened: wait until that is done")


def default_options(threads: int | None = None) -> SessionOptions:
    """Return the ``onnxruntime.SessionOptions`` of this project, for callers who want to add entries to them."""
    options: SessionOptions = load_onnxruntime().SessionOptions()
    options.intra_op_num_threads = threads or available_cores()
    options.log_severity_level = _LOG_FATAL  # errors are raised as exceptions too
    return options


def _check_engine(path: Path, bundle: Bundle | None) -> None:
    """Refuse a precision that the installed engine can open but not run."""
    engine = load_onnxruntime()
    spec = PRECISIONS.get(bundle.record.precision) if bundle is not None else None
    has_8_bit_weights = spec is not None and spec.kind == "weight-only" and spec.bits == 8
    if has_8_bit_weights and version_of(engine) < _MIN_VERSION_INT8_WEIGHTS:
        raise BundleError(
            f"{path} has 8-bit weight-only matmuls, which onnxruntime {engine.__version__} cannot run: pip install "
            "'onnxruntime>=1.23', or quantize the model with precision='int8'"
        )


def _check_names(path: Path, session: Session) -> None:
    """Refuse a graph whose inputs or outputs have unreadable names."""
    try:
        for spec in (*session.get_inputs(), *session.get_outputs()):
            _ = spec.name, spec.shape, spec.type
    except UnicodeDecodeError as error:
        raise BundleError(f"{path} has inputs or outputs with names that are not UTF-8: export it again") from error


@dataclass
class _SessionFactory:
    """Creates sessions for an open file.

    Attributes:
        in_memory: pass the file's bytes to the engine instead of letting it open the path again.
        exact: make onnxruntime's own int8 matmuls exact: see :func:`needs_exact_option`.
    """

    file: OnnxFile
    external: ExternalData
    providers: Sequence[tuple[str, Mapping[str, object]]]
    threads: int | None
    session_options: SessionOptions | None
    mmap: bool
    in_memory: bool
    exact: bool

    def create(self, native: Native | None) -> tuple[Session, KernelUse]:
        """Create a session, with the native kernels if they are wanted and possible."""
        own_options = self.session_options is None
        options = self.session_options if self.session_options is not None else default_options(self.threads)
        kernels = register_kernels(options, self._provider_names, native=native, own_options=own_options)
        try:
            return self._create(options), kernels
        except BundleError as error:
            if kernels.isa is None or not own_options or not _NOT_FLOAT32.search(str(error)):
                raise
            # The kernels support float32 only; the functions in the file may run with other types.
            session = self._create(default_options(self.threads))
            if native is True:
                raise KernelsError(
                    f"{error} by the native kernels; pass native=False to run it without them"
                ) from error
            return session, KernelUse(None, "the native kernels cannot run this file")

    @property
    def _provider_names(self) -> list[str]:
        return [name for name, _ in self.providers]

    def _create(self, options: SessionOptions) -> Session:
        onnxruntime = load_onnxruntime()
        name = str(self.file.path if self.external.tensors else self.file.real)
        model: str | bytes = name
        arrays: Mapping[str, object] = {}
        if self.exact:
            _make_exact(options, self.session_options is None)
        if self.external.tensors:
            if not self.mmap:
                arrays = self._read_external(options)
        elif self.in_memory or not _is_unicode(name):
            model = self.file.read()
        elif self.mmap and self.session_options is None and self._provider_names == [CPU]:
            model = externalize_int8_weights(self.file) or model
            options.add_session_config_entry(EXTERNAL_FOLDER_OPTION, str(self.file.real.parent))
        try:
            # Without enable_fallback=False, onnxruntime prints a message and replaces a failing provider by the CPU.
            session: Session = onnxruntime.InferenceSession(
                model, sess_options=options, providers=self.providers, enable_fallback=False
            )
            return session
        except Exception as error:  # onnxruntime's exceptions have no common base below Exception
            raise BundleError(_explain(self.file.path, str(error), onnxruntime.__version__)) from error
        finally:
            del arrays  # the options refer to them until the session exists

    def _read_external(self, options: SessionOptions) -> Mapping[str, object]:
        """Pass the external data to the engine as arrays, instead of letting it map the files."""
        if self.session_options is not None:
            raise InputError("mmap=False sets session options, and session_options were passed: leave one of them out")
        value = load_onnxruntime().OrtValue.ortvalue_from_numpy
        arrays = {name: value(array) for name, array in self.external.arrays().items()}
        options.add_external_initializers(list(arrays), list(arrays.values()))
        return arrays


def _make_exact(options: SessionOptions, own_options: bool) -> None:
    if own_options:
        options.add_session_config_entry(EXACT_OPTION, "1")
        return
    try:
        value = options.get_session_config_entry(EXACT_OPTION)
    except RuntimeError:  # there is no such entry
        value = None
    if value != "1":
        raise InputError(
            "int8 matmuls of this file would overflow on this CPU with these session_options: call "
            f"add_session_config_entry({EXACT_OPTION!r}, '1') on them first, or quantize the model with cpu='avx2'"
        )


def _is_unicode(path: str) -> bool:
    """Whether the engine can take this path; Python also represents paths that are not UTF-8."""
    return path == path.encode(errors="replace").decode()


def _explain(path: Path, message: str, version: str) -> str:
    advice = "pip install --upgrade onnxruntime, or export the model again with a lower opset"
    if found := re.search(r"Unsupported model IR version: (\d+), max supported IR version: (\d+)", message):
        return f"{path} has ONNX IR version {found[1]}, onnxruntime {version} reads up to {found[2]}: {advice}"
    if found := re.search(r"Opset (\d+) is under development.*?till opset (\d+)", message, re.DOTALL):
        return f"{path} uses opset {found[1]}, onnxruntime {version} knows up to {found[2]}: {advice}"
    if "Protobuf parsing failed" in message or "INVALID_PROTOBUF" in message or "does not have a graph" in message:
        return f"{path} {INCOMPLETE}: export or copy it again"
    return f"onnxruntime {version} cannot load {path} ({_first_line(message)}): export the model again"


def _first_line(message: str) -> str:
    return message.strip().splitlines()[0] if message.strip() else "no reason given"
