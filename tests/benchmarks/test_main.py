"""A whole run of ``python -m benchmarks`` with our own backends; times are not checked."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SHAPES = [[1, 9], [2, 16]]


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results folder of a quick run with our own backends."""
    folder = tmp_path_factory.mktemp("results")
    options = ("--only", "ours cpu,unknown", "--shapes", "1x9,2x16", "--repeats", "4", "--output", str(folder))
    command = [sys.executable, "-m", "benchmarks", "--quick", "--here", "--threads", "1", *options]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def measured(output: Path) -> dict[str, Any]:
    results = json.loads((output / "results.json").read_text())
    assert results["system"]["versions"]["onnxruntime"]
    assert results["shapes"] == SHAPES
    (model,) = results["models"]
    assert isinstance(model, dict)
    return model


def test_every_backend_is_measured_at_every_shape(measured: dict[str, Any]) -> None:
    assert {"matmuls alone", "ours cpu"} <= measured["backends"].keys()
    assert [[row["batch"], row["length"]] for row in measured["times"]] == SHAPES
    for row in measured["times"]:
        assert row["ms"].keys() == measured["backends"].keys()
        assert {len(ms) for ms in row["ms"].values()} == {4}


def test_backends_that_cannot_run_are_listed_with_the_reason(measured: dict[str, Any]) -> None:
    assert measured["left_out"].keys().isdisjoint(measured["backends"])
    assert all(reason for reason in measured["left_out"].values())


def test_cold_starts_are_measured_in_their_own_process(measured: dict[str, Any]) -> None:
    (start,) = measured["cold_starts"]["ours cpu"]
    assert start["seconds"] > 0
    assert start["peak_memory"] > 10**7


def test_page_has_a_row_per_backend_in_each_table(output: Path, measured: dict[str, Any]) -> None:
    lines = (output / "README.md").read_text().splitlines()
    for name in measured["backends"]:
        assert sum(line.startswith(f"| {name} ") for line in lines) == 3  # times, ratios, resources
