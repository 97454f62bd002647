"""Import optional packages, or explain how to install them."""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from types import ModuleType

from convbert_onnx.errors import MissingExtraError

__all__ = ["load_onnxruntime", "load_tokenizers", "require", "version_of"]

_MIN_ONNXRUNTIME = (1, 22)


def require(purpose: str, extra: str, *packages: str) -> None:
    """Check that the packages of an extra are installed, without importing them.

    Raises:
        MissingExtraError: a package is missing; the message has the command that installs it.
    """
    for package in packages:
        if find_spec(package) is None:
            raise MissingExtraError(f"{purpose} needs {package}", extra)


def load_onnxruntime() -> ModuleType:
    """Import onnxruntime.

    Raises:
        MissingExtraError: it is missing or too old, or both onnxruntime and onnxruntime-gpu are installed, which
            overwrite each other's files.
    """
    installed = [name for name in ("onnxruntime", "onnxruntime-gpu") if _version(name) is not None]
    if len(installed) == 2:
        raise MissingExtraError(
            "onnxruntime and onnxruntime-gpu are both installed and overwrite each other; keep one, for example with: "
            "pip uninstall -y onnxruntime onnxruntime-gpu, then",
            "cpu",
        )
    require("running a model (on an NVIDIA GPU with [gpu] instead of [cpu])", "cpu", "onnxruntime")
    onnxruntime = import_module("onnxruntime")
    if version_of(onnxruntime) < _MIN_ONNXRUNTIME:
        oldest = ".".join(map(str, _MIN_ONNXRUNTIME))
        raise MissingExtraError(f"onnxruntime {onnxruntime.__version__} is too old, {oldest} or newer is needed", "cpu")
    return onnxruntime


def version_of(onnxruntime: ModuleType) -> tuple[int, ...]:
    """The major and minor version of onnxruntime."""
    return tuple(int(part) for part in onnxruntime.__version__.split(".")[:2])


def load_tokenizers() -> ModuleType:
    """Import tokenizers.

    Raises:
        MissingExtraError: it is not installed.
    """
    require("reading text", "cpu", "tokenizers")
    return import_module("tokenizers")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
