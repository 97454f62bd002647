"""Errors for weights files that cannot be parsed."""

from pathlib import Path

from convbert_onnx.errors import CheckpointError

__all__ = ["one_line", "unreadable"]

_MAX_CHARACTERS = 200


def unreadable(path: Path, error: Exception) -> CheckpointError:
    """The error to raise for a damaged file, given the error of the library that read it."""
    reason = one_line(str(error)) or type(error).__name__
    return CheckpointError(f"{path} cannot be read as weights ({reason}): copy or save it again")


def one_line(text: str) -> str:
    """Join a message into one line of limited length."""
    text = " ".join(text[: 4 * _MAX_CHARACTERS].split())
    return text if len(text) <= _MAX_CHARACTERS else f"{text[:_MAX_CHARACTERS]}..."
