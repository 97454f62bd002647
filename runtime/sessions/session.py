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
from convbert_onnx.runtime.model_files.external_data import ExternalData
from convbert_onnx.runtime.model_files.mapped_weights import FOLDER_OPTION, without_bytes
from convbert_onnx.runtime.model_files.onnx_file import OnnxFile
from convbert_onnx.runtime.sessions.cpu import EXACT_OPTION, needs_exact_option
from convbert_onnx.runtime.sessions.kernels import KernelUse, Native, register_kernels
from convbert_onnx.runtime.sessions.onnxruntime_types import Session, SessionOptions
from convbert_onnx.runtime.sessions.providers import CPU, ProviderSpec, check_active, resolve_providers
from convbert_onnx.runtime.sessions.threads import available_cores

__all__ = ["Check", "Mmap", "Opened", "default_options", "load", "open_session"]

Mmap = bool | Literal["auto"]
"""False reads all weights into memory; "auto" and True leave those in the file that can be mapped from it."""

Check = Callable[[OnnxFile, ExternalData], None]
"""Looks at an open file before the engine does, and raises where it must not be used."""

_FATAL = 4
_ATTEMPTS = 3

_MATMUL_OF_8_BITS = (1, 23)
"""The first engine whose MatMulNBits has 8 bits."""

_NOT_FLOAT32 = re.compile(
    rf"Type 'tensor\((?:float16|bfloat16|double)\)' of .* of operator \((?:{'|'.join(one.name for one in OPERATORS)})\)"
)
"""The engine's words where a file has our operators in a type that the kernels do not have."""


@dataclass(frozen=True)
class Opened:
    """A session, and what belongs to the file that it was made of.

    Attributes:
        session: the ``onnxruntime.InferenceSession``.
        kernels: how it computes our operators.
        bundle: what the file says of itself, or None where it is from somewhere else.
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
) -> tuple[Session, KernelUse]:
    """An ``onnxruntime.InferenceSession`` for the file, and how it computes our operators.

    See :func:`load` for arguments and errors.
    """
    opened = load(path, providers, threads, session_options, native)
    return opened.session, opened.kernels


def load(
    path: Path,
    providers: str | Sequence[ProviderSpec] | None = None,
    threads: int | None = None,
    session_options: SessionOptions | None = None,
    native: Native | None = None,
    *,
    mmap: Mmap = "auto",
    check: Check | None = None,
) -> Opened:
    """Make a session of a file.

    The session is always that of one file: where the path leads to another one before all of it was read, it is opened
    again.

    Args:
        path: the ONNX file.
        providers: see :func:`resolve_providers`.
        threads: threads that compute one operator; by default the physical cores this process may use.
        session_options: an ``onnxruntime.SessionOptions`` that is taken as it is; ``threads`` is then left to it.
        native: True demands the native kernels, False forbids them, "auto" takes them where they can be had. By
            default what the environment variable ``CONVBERT_ONNX_NATIVE`` says (1, 0, auto), else "auto".
        mmap: whether int8 weights, and weights beside the file, may stay where they are, mapped.
        check: called with the open file before the engine reads it.

    Raises:
        ProviderError: a provider that was asked for is not active.
        BundleError: onnxruntime cannot load the file, it is damaged or names weights outside its directory, or somebody
            is writing into it.
        FileMissingError: weights that belong beside the file are not there.
        KernelsError: the native kernels were demanded, and cannot be used here or with this file.
        InputError: ``native`` or ``mmap`` has no meaning, or ``session_options`` lack what the file needs.
    """
    if mmap not in (True, False, "auto"):
        raise InputError(f"mmap must be True, False or 'auto', not {mmap!r}")
    asked = resolve_providers(providers)
    path = Path(path)
    for attempt in range(_ATTEMPTS):
        with OnnxFile(path) as file, closing(ExternalData(file)) as external:
            if check is not None:
                check(file, external)
            try:
                bundle = Bundle.from_metadata(file.contents.metadata)
            except BundleError as error:
                raise BundleError(f"{path}: {error}") from error
            _check_engine(path, bundle)
            whole = attempt == _ATTEMPTS - 1 and not external.tensors
            exact = bundle is not None and needs_exact_option(bundle.record)
            maker = _Maker(file, external, asked, threads, session_options, mmap=bool(mmap), whole=whole, exact=exact)
            try:
                session, kernels = maker.session(native)
            except BundleError:
                if file.unchanged() and external.unchanged():
                    raise
                continue
            _check_names(path, session)
            if whole or (file.unchanged() and external.unchanged()):
                check_active(asked, session.get_providers())
                return Opened(session, kernels, bundle)
    raise BundleError(f"{path} was replaced or written to each time it was opened: wait until that is done")


def _check_engine(path: Path, bundle: Bundle | None) -> None:
    """Refuse a precision that the installed engine opens, and fails to run."""
    engine = load_onnxruntime()
    if bundle is not None and bundle.record.precision == "int8-weights" and version_of(engine) < _MATMUL_OF_8_BITS:
        raise BundleError(
            f"{path} has weights of 8 bits alone, which onnxruntime {engine.__version__} cannot multiply: pip install "
            "'onnxruntime>=1.23', or quantize the model with precision='int8'"
        )


def _check_names(path: Path, session: Session) -> None:
    """Refuse a graph whose inputs and outputs have names that cannot be read."""
    try:
        for spec in (*session.get_inputs(), *session.get_outputs()):
            _ = spec.name, spec.shape, spec.type
    except UnicodeDecodeError as error:
        raise BundleError(f"{path} has inputs or outputs with names that are not UTF-8: export it again") from error


@dataclass
class _Maker:
    """Makes sessions of an open file.

    Attributes:
        whole: read the file here rather than let the engine open it by its name once more.
        exact: make onnxruntime's own int8 matmuls exact: see :func:`needs_exact_option`.
    """

    file: OnnxFile
    external: ExternalData
    providers: Sequence[tuple[str, Mapping[str, object]]]
    threads: int | None
    session_options: SessionOptions | None
    mmap: bool
    whole: bool
    exact: bool

    def session(self, native: Native | None) -> tuple[Session, KernelUse]:
        """A session with the kernels if they are wanted and can be had."""
        own_options = self.session_options is None
        options = self.session_options if self.session_options is not None else default_options(self.threads)
        names = [name for name, _ in self.providers]
        kernels = register_kernels(options, names, native=native, own_options=own_options)
        try:
            return self._create(options), kernels
        except BundleError as error:
            if kernels.isa is None or not own_options or not _NOT_FLOAT32.search(str(error)):
                raise
            # The kernels are for float32; the functions may run what they do not.
            session = self._create(default_options(self.threads))
            if native is True:
                raise KernelsError(
                    f"{error}, with the native kernels; without them, with --no-native, it runs"
                ) from error
            return session, KernelUse(None, "the native kernels cannot run this file")

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
        elif self.whole or not _is_unicode(name):
            model = self.file.read()
        elif self.mmap and self.session_options is None and [name for name, _ in self.providers] == [CPU]:
            model = without_bytes(self.file) or model
            options.add_session_config_entry(FOLDER_OPTION, str(self.file.real.parent))
        try:
            # Without enable_fallback=False, a provider that fails is replaced by the CPU after some lines on stdout.
            session: Session = onnxruntime.InferenceSession(
                model, sess_options=options, providers=self.providers, enable_fallback=False
            )
            return session
        except Exception as error:  # onnxruntime's exceptions have no common base below Exception
            raise BundleError(_explain(self.file.path, str(error), onnxruntime.__version__)) from error
        finally:
            del arrays  # until now the options refer to them

    def _read_external(self, options: SessionOptions) -> Mapping[str, object]:
        """Hand the weights beside the file to the engine, instead of letting it map them."""
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
        given = options.get_session_config_entry(EXACT_OPTION)
    except RuntimeError:  # there is no such entry
        given = None
    if given != "1":
        raise InputError(
            "int8 matmuls of this file would overflow on this CPU with these session_options: call "
            f"add_session_config_entry({EXACT_OPTION!r}, '1') on them first, or quantize the model with cpu='avx2'"
        )


def _is_unicode(path: str) -> bool:
    """Whether the engine can be told this path, which Python may have of bytes that are not UTF-8."""
    return path == path.encode(errors="replace").decode()


def default_options(threads: int | None = None) -> SessionOptions:
    """The ``onnxruntime.SessionOptions`` of this project, for callers who want to add something to them."""
    options: SessionOptions = load_onnxruntime().SessionOptions()
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
