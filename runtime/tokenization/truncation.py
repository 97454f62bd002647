"""Cutting texts to the length of a row, into the parts that the reference's truncation strategies give."""

from convbert_onnx.errors import InputError
from convbert_onnx.runtime.tokenization.encoding import Tokens, spans_with_overlap

__all__ = ["PADDING", "TRUNCATION", "cut"]

PADDING = (False, True, "longest", "max_length", "do_not_pad")
"""True is "longest", False is "do_not_pad"."""

TRUNCATION = (None, False, True, "longest_first", "only_first", "only_second", "do_not_truncate")
"""True is "longest_first", False is "do_not_truncate"; None is the first with a max_length and without padding."""


def cut(
    texts: tuple[Tokens, ...], room: int, stride: int, strategy: str, from_end: bool = False
) -> list[tuple[Tokens, ...]]:
    """The texts of a row that has room for ``room`` tokens, and then those of the rows for what was cut off.

    Args:
        texts: one text or two.
        room: tokens of text in a row.
        stride: tokens that a part repeats from the part before.
        strategy: "longest_first" shortens the longer text until both are of one length and then both of them;
            "only_first" and "only_second" shorten that text alone.
        from_end: texts keep their ends, where otherwise they keep their beginnings.

    Raises:
        InputError: the strategy cannot make the texts fit, or ``stride`` leaves no room for anything new.
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
    parts = [_parts(text, length, stride, from_end) for text, length in zip(texts, lengths, strict=True)]
    if len(parts) == 1:
        return [(part,) for part in parts[0]]
    first, second = parts
    # The reference's order: the first row, what follows of the first text, what follows beside the first one's start.
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


def _only(lengths: list[int], room: int, number: int) -> list[int]:
    if number >= len(lengths):
        raise InputError("there is no second text for truncation='only_second': pass text_pair or truncation=True")
    excess = sum(lengths) - room
    if lengths[number] <= excess:
        raise InputError(
            f"{excess} tokens are too many and the {('first', 'second')[number]} text has only {lengths[number]}: "
            "raise max_length or pass truncation='longest_first'"
        )
    return [length - excess if i == number else length for i, length in enumerate(lengths)]


def _parts(text: Tokens, length: int, stride: int, from_end: bool) -> list[Tokens]:
    if len(text) <= length:
        return [text]
    if length == 0:  # as the reference has it: nothing, and the whole of it cut off
        return [text[:0], text]
    if stride >= length:
        raise InputError(
            f"stride is {stride} where a row has {length} tokens of a text, so that nothing new comes in: lower it"
        )
    return [text[span] for span in spans_with_overlap(len(text), length, stride, from_end)]
