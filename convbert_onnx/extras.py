"""Optional parts of the package, asked for where they are needed."""

from importlib.util import find_spec

from convbert_onnx.errors import MissingExtraError

__all__ = ["require"]


def require(purpose: str, extra: str, *packages: str) -> None:
    """Make sure that the packages of an extra are installed, without importing them.

    Raises:
        MissingExtraError: one is missing; the message says what to type.
    """
    for package in packages:
        if find_spec(package) is None:
            raise MissingExtraError(f"{purpose} needs {package}", extra)
