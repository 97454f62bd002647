"""Rows into batches: as few padded positions as possible, and never more tokens at once than memory likes."""

from collections.abc import Iterator, Sequence

import numpy as np

from convbert_onnx.runtime.tokenization.encoding import Encoding, IntArray

__all__ = ["TOKEN_BUDGET", "batches", "collate"]

TOKEN_BUDGET = 4096
"""Positions of one batch, padding included. More no longer gains speed on a CPU, and costs memory."""


def batches(
    rows: Sequence[Encoding],
    *,
    max_rows: int | None = None,
    equal_lengths: bool = False,
    token_budget: int = TOKEN_BUDGET,
) -> Iterator[list[int]]:
    """Groups of row numbers that run together, longest rows first.

    Args:
        rows: what is to run.
        max_rows: limit on the rows of a batch besides ``token_budget``.
        equal_lengths: never mix lengths, for models whose results padding changes.
        token_budget: positions of one batch, padding included; a single row may have more.
    """
    lengths = [_length(row) for row in rows]
    batch: list[int] = []
    for number in sorted(range(len(rows)), key=lambda number: -lengths[number]):
        # The first row of a batch is its longest, so it decides what the batch costs.
        full = batch and (
            (len(batch) + 1) * lengths[batch[0]] > token_budget
            or len(batch) == max_rows
            or (equal_lengths and lengths[number] != lengths[batch[0]])
        )
        if full:
            yield batch
            batch = []
        batch.append(number)
    if batch:
        yield batch


def collate(rows: Sequence[Encoding], pad_token_id: int) -> dict[str, IntArray]:
    """The model's inputs for these rows, int64 [B, S], padded on the right."""
    shape = (len(rows), max(_length(row) for row in rows))
    inputs = {
        "input_ids": np.full(shape, pad_token_id, np.int64),
        "attention_mask": np.zeros(shape, np.int64),
        "token_type_ids": np.zeros(shape, np.int64),
    }
    for i, row in enumerate(rows):
        inputs["input_ids"][i, : len(row)] = row.ids
        inputs["attention_mask"][i, : len(row)] = 1
        inputs["token_type_ids"][i, : len(row)] = row.type_ids
    return inputs


def _length(row: Encoding) -> int:
    return max(len(row), row.padded_length)
