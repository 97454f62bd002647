"""Overlapping windows over a text that is too long for one row."""

from collections.abc import Iterator

from convbert_onnx.errors import InputError
from convbert_onnx.runtime.tokenization.encoding import Side, Tokens

__all__ = ["check_window_size", "overlapping_parts", "spans_with_overlap"]


def overlapping_parts(text: Tokens, size: int, overlap: int, side: Side) -> list[Tokens]:
    """Split a text into parts of at most ``size`` tokens that share ``overlap`` tokens with the part before.

    Args:
        text: the tokens.
        size: maximum tokens in a part.
        overlap: tokens that a part repeats from the part before; less than ``size`` if there is more than one part.
        side: the side on which text is cut off: "right" starts with the beginning of the text, "left" with its end.
    """
    return [text[span] for span in spans_with_overlap(len(text), size, overlap, from_end=side == "left")]


def spans_with_overlap(length: int, size: int, overlap: int, from_end: bool = False) -> Iterator[slice]:
    """Split ``length`` items into spans of ``size``, each sharing ``overlap`` items with the one before.

    Example: length=10, size=4, overlap=1 -> 0:4, 3:7, 6:10; ``from_end`` -> 6:10, 3:7, 0:4. An empty text is one empty
    span.
    """
    start = 0
    while True:
        end = min(start + size, length)
        yield slice(length - end, length - start) if from_end else slice(start, end)
        if start + size >= length:
            return
        start += size - overlap


def check_window_size(text: Tokens, max_length: int, stride: int, special: int, other: Tokens | None) -> int:
    """Compute how many tokens of a text fit into a row, and check that windows can advance.

    Args:
        text: the text that windows are made of.
        max_length: maximum tokens in a row.
        stride: tokens that a row repeats from the row before.
        special: number of special tokens in a row.
        other: the text that is in every row.

    Returns:
        Tokens of ``text`` in each row.

    Raises:
        InputError: there is no room for more than ``stride`` tokens of ``text``.
    """
    room = max_length - len(other or ()) - special
    if room >= 1 and (stride < room or len(text) <= room):
        return room
    first = "" if other is None else f"{len(other)} tokens of the first text and "
    shorten = "" if other is None else "shorten the first text, "
    raise InputError(
        f"{first}{special} special tokens leave {max(0, room)} of {max_length} tokens for the text, of which {stride} "
        f"would be repeated: {shorten}allow longer rows or repeat fewer tokens"
    )
