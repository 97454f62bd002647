"""The benchmarks' machinery, with the contestants that need no peers; how long anything takes is not looked at."""

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
    """The folder that a trial of our own contestants writes."""
    folder = tmp_path_factory.mktemp("results")
    options = ("--only", "ours cpu,nobody", "--shapes", "1x9,2x16", "--repeats", "4", "--output", str(folder))
    command = [sys.executable, "-m", "benchmarks", "--quick", "--here", "--threads", "1", *options]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def measured(output: Path) -> dict[str, Any]:
    results = json.loads((output / "results.json").read_text())
    assert results["machine"]["versions"]["onnxruntime"]
    assert results["shapes"] == SHAPES
    (model,) = results["models"]
    assert isinstance(model, dict)
    return model


def test_everybody_who_can_takes_every_turn(measured: dict[str, Any]) -> None:
    assert {"products alone", "ours cpu"} <= measured["contestants"].keys()
    assert [[row["batch"], row["length"]] for row in measured["times"]] == SHAPES
    for row in measured["times"]:
        assert row["ms"].keys() == measured["contestants"].keys()
        assert {len(ms) for ms in row["ms"].values()} == {4}


def test_who_cannot_take_part_is_named_with_the_reason(measured: dict[str, Any]) -> None:
    assert measured["left_out"].keys().isdisjoint(measured["contestants"])
    assert all(reason for reason in measured["left_out"].values())


def test_the_cold_start_is_another_process(measured: dict[str, Any]) -> None:
    (start,) = measured["cold_starts"]["ours cpu"]
    assert start["seconds"] > 0
    assert start["peak_memory"] > 10**7


def test_the_page_has_a_row_for_everybody(output: Path, measured: dict[str, Any]) -> None:
    lines = (output / "README.md").read_text().splitlines()
    for name in measured["contestants"]:
        assert sum(line.startswith(f"| {name} ") for line in lines) == 3  # times, ratios, needs


def test_the_products_are_those_of_the_model(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path\n"
        "import onnx\n"
        "from benchmarks.matmul_floor import write_products\n"
        "from convbert_onnx.models import PRESETS\n"
        "for name, preset in PRESETS.items():\n"
        f"    write_products(preset, Path({str(tmp_path)!r}, name))\n"
        f"    graph = onnx.load(Path({str(tmp_path)!r}, name)).graph\n"
        "    weights = sum(tensor.dims[0] * tensor.dims[1] for tensor in graph.initializer)\n"
        "    print(name, len(graph.node), weights)\n"
    )
    output = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    # Multiplications per token and layer of the encoder, as in the paper's sizes, but for the depthwise convolution.
    per_layer = {"base": 6810624 - 768 * 9, "medium-small": 1116288 - 384 * 9, "small": 758272 - 256 * 9}
    projections = {"base": 0, "medium-small": 128 * 384, "small": 128 * 256}
    products = {"base": 12 * 8, "medium-small": 12 * 10 + 1, "small": 12 * 8 + 1}
    expected = [f"{name} {products[name]} {12 * per_layer[name] + projections[name]}" for name in per_layer]
    assert sorted(output.splitlines()) == sorted(expected)
