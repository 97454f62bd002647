"""Median and quartiles of measured times."""

import statistics
from collections.abc import Sequence
from typing import Any

__all__ = ["FLOOR", "OURS", "Quartiles", "quartiles", "times_of"]

FLOOR = "matmuls alone"
"""The backend that runs the model's matmuls only: a lower bound of the latency on the same engine."""

OURS = "ours int8 native"
"""Our fastest int8 backend, with which the others are compared too if it was measured."""

Quartiles = tuple[float, float, float]
"""Lower quartile, median, upper quartile."""


def quartiles(values: Sequence[float]) -> Quartiles:
    """Quartiles of one or more values."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def times_of(measured: dict[str, Any], shape: tuple[int, int]) -> dict[str, Quartiles]:
    """Quartiles of the milliseconds at a shape, by backend."""
    batch, length = shape
    rows = (row for row in measured["times"] if (row["batch"], row["length"]) == (batch, length))
    return {name: quartiles(ms) for row in rows for name, ms in row["ms"].items() if ms}
