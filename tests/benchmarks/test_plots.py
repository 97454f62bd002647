"""The plots of results."""

import json
from pathlib import Path

import pytest

from benchmarks.plots import write_plots

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


def test_plots_are_reproducible(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    results = json.loads((RESULTS / "results.json").read_text())
    first = [plot.read_bytes() for plot in write_plots(results, tmp_path)]
    assert [plot.read_bytes() for plot in write_plots(results, tmp_path)] == first
    assert len(first) == 2  # ratios and growth
