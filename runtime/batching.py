"""Length-sorted batches under a token budget."""

from collections.abc import Iterator, Sequence

import numpy as np

from convbert_onnx.runtime.tokenization.encoding import Encoding, IntArray

__all__ = ["TOKEN_BUDGET", "batches", "collate"]

TOKEN_BUDGET = 4096
"""Positions of one batch, padding included. Larger batches are no faster on a CPU and use more memory."""


def batches(
    rows: Sequence[Encoding],
    *,
    max_rows: int | None = None,
    equal_lengths: bool = False,
    token_budget: int = TOKEN_BUDGET,
) -> Iterator[list[int]]:
    """Indices of the rows of each batch, longest rows first.

    Args:
        rows: the rows to run.
        max_rows: maximum number of rows in a batch, in addition to ``token_budget``.
        equal_lengths: never mix lengths, for models whose results depend on padding.
        token_budget: positions of one batch, padding included; a single row may have more.
    """
    lengths = [_length(row) for row in rows]
    batch: list[int] = []
    for number in sorted(range(len(rows)), key=lambda number: -lengths[number]):
        # The first row of a batch is the longest: all rows are padded to it.
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
