"""What a tokenizer is called with, as rows, and what it gives, as lists or arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from convbert_onnx.errors import InputError, InputTypeError
from convbert_onnx.runtime.tokenization.encoding import Encoding

__all__ = ["arrays", "examples_of", "lists", "padded"]

Columns = Mapping[str, list[np.ndarray[Any, Any]]]
"""The values of each row, by the name of the column."""


def examples_of(text: Any, text_pair: Any, words: bool) -> tuple[bool, list[tuple[Any, ...]]]:
    """Whether a call gives several texts, and one text or two for each row.

    Args:
        text: a text or a list of texts.
        text_pair: the second text of each row, of the same form, or None.
        words: a text is a list of its words, not a string.

    Raises:
        InputTypeError: an argument has neither form.
        InputError: the lists have different lengths.
    """
    several = _is_list(text) and (not words or (len(text) > 0 and _is_list(text[0])))
    if not several:
        one = _text(text, words, "text")
        # The reference takes an empty second text for none, here but not in lists.
        other = None if text_pair is None else _text(text_pair, words, "text_pair")
        return False, [(one, other) if other else (one,)]
    if text_pair is None:
        return True, [(_text(one, words, "text"),) for one in text]
    if not _is_list(text_pair):
        raise InputTypeError(f"text is a list and text_pair {type(text_pair).__name__}: pass two lists")
    if len(text) != len(text_pair):
        raise InputError(
            f"there are {len(text)} texts but {len(text_pair)} in text_pair: give as many of one as of the other"
        )
    pairs = zip(text, text_pair, strict=True)
    return True, [(_text(one, words, "text"), _text(other, words, "text_pair")) for one, other in pairs]


def padded(rows: list[Encoding], padding: bool | str, limit: int | None) -> list[Encoding]:
    """The rows with the length to which ``padding`` pads them."""
    if padding in (False, "do_not_pad") or (padding == "max_length" and limit is None):
        return rows
    width = limit or 0 if padding == "max_length" else max(map(len, rows), default=0)
    return [replace(row, padded_length=width) for row in rows]


def arrays(columns: Columns) -> dict[str, Any]:
    """The columns as arrays.

    Raises:
        InputError: the rows have different lengths.
    """
    return {name: _stacked(column) for name, column in columns.items()}


def lists(columns: Columns) -> dict[str, Any]:
    """The columns as lists, offsets as tuples in them."""
    values = {name: [row.tolist() for row in column] for name, column in columns.items()}
    if "offset_mapping" in values:
        values["offset_mapping"] = [list(map(tuple, offsets)) for offsets in values["offset_mapping"]]
    return values


def _stacked(column: list[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    if len({len(values) for values in column}) > 1:
        raise InputError("rows of several lengths make no array: pass padding=True, or truncation=True beside it")
    return np.stack(column) if column else np.zeros((0, 0), np.int64)


def _text(text: Any, words: bool, name: str) -> Any:
    if _is_list(text) if words else isinstance(text, str):
        return text
    wanted = "a list of words, or a list of such lists" if words else "a string, or a list of strings"
    raise InputTypeError(f"{name} must be {wanted}, not {type(text).__name__}")


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)
