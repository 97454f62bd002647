"""Figures from measured runs."""

import statistics
from collections.abc import Sequence
from typing import Any

__all__ = ["FLOOR", "OURS", "Figures", "figures", "times_of"]

FLOOR = "products alone"
"""The contestant whose time the others are compared with."""

OURS = "ours int8 native"
"""The contestant whose time is compared with the others', where it takes part."""

Figures = tuple[float, float, float]
"""Lower quartile, median, upper quartile."""


def figures(values: Sequence[float]) -> Figures:
    """The quartiles of at least one value."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def times_of(measured: dict[str, Any], shape: tuple[int, int]) -> dict[str, Figures]:
    """Milliseconds at a shape by contestant."""
    batch, length = shape
    rows = (row for row in measured["times"] if (row["batch"], row["length"]) == (batch, length))
    return {name: figures(ms) for row in rows for name, ms in row["ms"].items() if ms}
