"""The text arguments of a tokenizer's call, as one text or two for each row."""

from collections.abc import Sequence
from typing import TypeGuard

from convbert_onnx.errors import InputError, InputTypeError

__all__ = ["TextInput", "texts_of_rows"]

TextInput = str | Sequence[str]
"""A text: a string, or the list of its words."""


def texts_of_rows(text: object, text_pair: object, words: bool) -> tuple[bool, list[tuple[TextInput, ...]]]:
    """Check the text arguments of a call, and arrange them by rows.

    Args:
        text: a text or a list of texts.
        text_pair: the second text of each row, in the same form, or None.
        words: whether a text is a list of its words rather than a string. Whether these are strings is not checked.

    Returns:
        Whether the call is for a list of texts, and one text or two for each row.

    Raises:
        InputTypeError: an argument has neither form.
        InputError: the lists have different lengths.
    """
    if not _is_list(text) or (words and not (text and _is_list(text[0]))):
        first = _checked(text, words, "text")
        # As in the reference, an empty second text counts as none here, but not in lists.
        second = None if text_pair is None else _checked(text_pair, words, "text_pair")
        return False, [(first, second) if second else (first,)]
    firsts = [_checked(one, words, "text") for one in text]
    if text_pair is None:
        return True, [(first,) for first in firsts]
    if not _is_list(text_pair):
        raise InputTypeError(f"text is a list and text_pair {type(text_pair).__name__}: pass two lists")
    if len(text) != len(text_pair):
        raise InputError(f"there are {len(text)} texts but {len(text_pair)} in text_pair: pass lists of equal length")
    seconds = [_checked(one, words, "text_pair") for one in text_pair]
    return True, list(zip(firsts, seconds, strict=True))


def _checked(text: object, words: bool, name: str) -> TextInput:
    if words and _is_list(text):
        return text
    if not words and isinstance(text, str):
        return text
    expected = "a list of words, or a list of such lists" if words else "a string, or a list of strings"
    raise InputTypeError(f"{name} must be {expected}, not {type(text).__name__}")


def _is_list(value: object) -> TypeGuard[Sequence[str]]:
    """Whether a value is a list or another sequence that is not a text."""
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)
