import json
from typing import Any

import pytest
from command_line import invoke
from golden import Exported


def test_bench_shows_times_and_operators(exported: Exported) -> None:
    shapes = ("--shape", "1x16", "--shape", "3x8")
    result = invoke("bench", exported(), *shapes, "--repeats", 4, "--threads", 1, "--profile")
    assert result.exit_code == 0, result.stderr
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["shape", "runs", "p50", "ms", "p95", "ms", "p99", "ms", "texts/s", "tokens/s"] in lines
    assert [line[:2] for line in lines if line[:1] in (["1x16"], ["3x8"])] == [["1x16", "4"], ["3x8", "4"]]
    assert "operators at 3x8" in result.stdout


def test_bench_json_equals_the_library_result(exported: Exported) -> None:
    arguments = ("--shape", "2x4x16", "--repeats", 3, "--json")
    result = json.loads(invoke("bench", exported(task="multiple-choice"), *arguments).stdout)
    assert [times["shape"] for times in result["shapes"]] == [[2, 4, 16]]
    assert result["shapes"][0]["runs"] == 3
    assert result["providers"] == ["CPUExecutionProvider"]


@pytest.mark.parametrize("arguments", [("--shape", "1xlong"), ("--shape", ""), ("--repeats", 0), ("--seconds", 0)])
def test_invalid_bench_options_are_exit_code_2(arguments: tuple[Any, ...]) -> None:
    assert invoke("bench", "model.onnx", *arguments).exit_code == 2
