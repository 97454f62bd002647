"""Truncation of texts to the length of a row, with the reference's strategies."""

from convbert_onnx.errors import InputError
from convbert_onnx.runtime.tokenization.encoding import Side, Tokens

__all__ = ["truncate"]


def truncate(
    texts: tuple[Tokens, ...], room: int, stride: int, strategy: str, side: Side = "right"
) -> list[tuple[Tokens, ...]]:
    """Shorten the texts of a row to ``room`` tokens, and return what was cut off as further rows.

    Args:
        texts: one text or two.
        room: tokens of text that a row can hold.
        stride: tokens that a part repeats from the part before.
        strategy: "longest_first" shortens the longer text until both have the same length and then both of them;
            "only_first" and "only_second" shorten that text alone.
        side: the side on which texts are cut: "right" keeps their beginnings, "left" their ends.

    Returns:
        The texts of the first row, then those of the rows for the overflowing tokens.

    Raises:
        InputError: the strategy cannot make the texts fit, or ``stride`` leaves no room for new tokens.
    """
    lengths = [len(text) for text in texts]
    if room < 0:
        raise InputError(f"max_length is {-room} less than the special tokens alone: raise it")
    if sum(lengths) <= room:
        return [texts]
    if strategy == "longest_first":
        lengths = _longest_first(lengths, room)
    else:
        lengths = _only(lengths, room, {"only_first": 0, "only_second": 1}[strategy])
    parts = [_parts(text, length, stride, side) for text, length in zip(texts, lengths, strict=True)]
    if len(parts) == 1:
        return [(part,) for part in parts[0]]
    first, second = parts
    # In the reference's order: the first row, later parts of the first text, later parts of the second with the
    # first text's start.
    rows: list[tuple[Tokens, ...]] = [(first[0], second[0])]
    rows += [(one, other) for one in first[1:] for other in second]
    rows += [(first[0], other) for other in second[1:]]
    return rows


def _longest_first(lengths: list[int], room: int) -> list[int]:
    if len(lengths) == 1:
        return [room]
    shorter, longer = sorted(lengths)
    longer = max(shorter, room - shorter)
    if shorter + longer > room:
        shorter, longer = room // 2, room // 2 + room % 2
    return [longer, shorter] if lengths[0] > lengths[1] else [shorter, longer]


def _only(lengths: list[int], room: int, index: int) -> list[int]:
    if index >= len(lengths):
        raise InputError("there is no second text for truncation='only_second': pass text_pair or truncation=True")
    excess = sum(lengths) - room
    if lengths[index] <= excess:
        raise InputError(
            f"{excess} tokens are too many and the {('first', 'second')[index]} text has only {lengths[index]}: "
            "raise max_length or pass truncation='longest_first'"
        )
    return [length - excess if i == index else length for i, length in enumerate(lengths)]


def _parts(text: Tokens, length: int, stride: int, side: Side) -> list[Tokens]:
    if len(text) <= length:
        return [text]
    if length == 0:  # as in the reference: an empty part, then the whole text as overflow
        return [text[:0], text]
    if stride >= length:
        raise InputError(
            f"stride is {stride}, but a row has only {length} tokens of a text, so that no row would bring new tokens: "
            "lower stride"
        )
    return text.overlapping_parts(length, stride, side)
