"""Results with scores, as lines of text."""

from collections.abc import Mapping

__all__ = ["scored_line", "scored_lines"]


def scored_line(text: str, score: float) -> str:
    """A text with its score."""
    return f"{text}  score {score:.3g}"


def scored_lines(result: object, *names: str) -> str:
    """A line for each entry of a result, with its texts, its score, and its characters if it has any.

    Args:
        result: an entry, a list of entries, or a list of such lists.
        names: the keys of an entry's texts; those that it lacks are left out.
    """
    if isinstance(result, list):
        return "\n".join(scored_lines(entry, *names) for entry in result) or "(nothing)"
    assert isinstance(result, Mapping)
    line = scored_line("  ".join(str(result[name]) for name in names if name in result), result["score"])
    return f"{line}, characters {result['start']} to {result['end']}" if "start" in result else line
