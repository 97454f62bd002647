"""The error for a weights file that its library cannot read."""

from pathlib import Path

from convbert_onnx.errors import CheckpointError

__all__ = ["one_line", "unreadable"]

_LONGEST = 200


def unreadable(path: Path, error: Exception) -> CheckpointError:
    """The error to raise for what a library said about a damaged file."""
    reason = one_line(str(error)) or type(error).__name__
    return CheckpointError(f"{path} cannot be read as weights ({reason}): copy or save it again")


def one_line(text: str) -> str:
    """A text of a library on one line, and no longer than a reader likes."""
    text = " ".join(text[: 4 * _LONGEST].split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
