"""The result of a tokenizer's call: rows as named columns, padded, as lists or arrays."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from convbert_onnx.errors import InputError
from convbert_onnx.runtime.tokenization.encoding import Encoding, IntArray, Side

__all__ = ["Columns", "as_arrays", "as_lists", "pad", "with_padded_length"]

Columns = Mapping[str, list[IntArray]]
"""The values of each row, by the name of the column."""


def with_padded_length(rows: list[Encoding], padding: bool | str, max_length: int | None) -> list[Encoding]:
    """Set the length to which ``padding`` pads the rows.

    Args:
        rows: the rows.
        padding: True or "longest" for the longest row, "max_length" for ``max_length``, False or "do_not_pad" for none.
        max_length: maximum tokens in a row; without it, "max_length" does not pad.
    """
    if padding in (False, "do_not_pad") or (padding == "max_length" and max_length is None):
        return rows
    length = max_length or 0 if padding == "max_length" else max(map(len, rows), default=0)
    return [replace(row, padded_length=length) for row in rows]


def pad(values: IntArray, row: Encoding, filler: int, side: Side) -> IntArray:
    """Pad one column of a row to the row's padded length.

    Args:
        values: [N, ...], a value for each token of the row.
        row: the row.
        filler: the value of padding.
        side: the side on which it is added.
    """
    missing = row.padded_length - len(row)
    if missing <= 0:
        return values
    widths = (missing, 0) if side == "left" else (0, missing)
    return np.pad(values, [widths] + [(0, 0)] * (values.ndim - 1), constant_values=filler)


def as_arrays(columns: Columns) -> dict[str, IntArray]:
    """Stack each column into an array [rows, tokens, ...].

    Raises:
        InputError: the rows have different lengths.
    """
    return {name: _stack(column) for name, column in columns.items()}


def as_lists(columns: Columns) -> dict[str, list[list[object]]]:
    """Convert each column to a list of rows; a row of offsets is a list of tuples."""
    values = {name: [row.tolist() for row in column] for name, column in columns.items()}
    if "offset_mapping" in values:
        values["offset_mapping"] = [list(map(tuple, offsets)) for offsets in values["offset_mapping"]]
    return values


def _stack(column: list[IntArray]) -> IntArray:
    if len({len(values) for values in column}) > 1:
        raise InputError(
            "rows of different lengths do not form an array: pass padding=True, and truncation=True where needed"
        )
    return np.stack(column) if column else np.zeros((0, 0), np.int64)
