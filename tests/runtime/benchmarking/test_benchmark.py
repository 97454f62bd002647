"""Benchmarks: what they count and whether their values are consistent, never how long something takes."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from golden import CHECKPOINTS, TASKS, Exported

from convbert_onnx.errors import FileMissingError, InputError
from convbert_onnx.runtime import bench


@pytest.mark.parametrize("task", TASKS)
def test_bench_uses_default_shapes_of_the_task(exported: Exported, task: str) -> None:
    result = bench(exported(task=task), repeats=2)
    choices = (4,) if task == "multiple-choice" else ()
    assert [times.shape for times in result.shapes] == [(1, *choices, 128), (8, *choices, 128)]
    assert result.task == task


def test_benchmark_values_are_consistent(exported: Exported) -> None:
    result = bench(exported(), [(3, 20)], repeats=12, threads=1)
    (times,) = result.shapes
    assert times.runs == 12
    assert 0 < times.p50_ms <= times.p95_ms <= times.p99_ms
    assert times.texts_per_s == pytest.approx(3 * 1000 / times.mean_ms)
    assert times.tokens_per_s == pytest.approx(20 * times.texts_per_s)
    assert times.name == "3x20"
    assert result.threads == 1
    assert result.bytes == exported().stat().st_size
    assert result.open_ms > 0
    assert result.peak_memory is None or result.peak_memory > result.bytes
    assert json.loads(json.dumps(asdict(result)))["shapes"][0]["runs"] == 12


def test_each_choice_counts_as_a_text(exported: Exported) -> None:
    (times,) = bench(exported(task="multiple-choice"), [(2, 3, 10)], repeats=1).shapes
    assert times.texts_per_s == pytest.approx(6 * 1000 / times.mean_ms)


def test_bench_runs_at_least_ten_times(exported: Exported) -> None:
    (times,) = bench(exported(), [(1, 5)], seconds=1e-9).shapes
    assert times.runs == 10


def test_profile_counts_the_operators_of_one_run(exported: Exported) -> None:
    result = bench(exported(target="portable"), [(1, 16), (2, 16)], repeats=1, with_profile=True)
    for times in result.shapes:
        assert sum(one.share for one in times.operators) == pytest.approx(1)
        assert {one.operator: one.count for one in times.operators}["Conv"] == 3  # one in each layer
        assert [one.ms for one in times.operators] == sorted((one.ms for one in times.operators), reverse=True)
        assert {one.provider for one in times.operators} == {"CPUExecutionProvider"}


def test_profile_leaves_no_files(exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    bench(exported(), [(1, 4)], repeats=1, with_profile=True)
    assert list(tmp_path.iterdir()) == []


def test_bench_accepts_a_directory_of_another_exporter(exported: Exported, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    model = onnx.load(exported())
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(FileMissingError, match=r"config\.json"):
        bench(tmp_path, repeats=1)
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        shutil.copy(CHECKPOINTS / "plain-question-answering" / name, tmp_path)
    assert bench(tmp_path, [(1, 8)], repeats=1, task="qa").file == str(tmp_path / "model.onnx")


def test_progress_is_called_before_each_step(exported: Exported) -> None:
    steps: list[tuple[str, int, int]] = []
    bench(exported(), [(1, 4), (2, 4)], repeats=1, with_profile=True, progress=lambda *step: steps.append(step))
    kinds = ("timing 1x4", "timing 2x4", "profiling 1x4", "profiling 2x4")
    assert steps == [(kind, done, 4) for done, kind in enumerate(kinds)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shapes": [(1, 2, 3)]}, "batch x length, such as 1x128, not 1x2x3"),
        ({"shapes": [(0, 3)]}, "not 0x3"),
        ({"shapes": [(1, 513)]}, "positions for 512 tokens"),
        ({"repeats": 0}, "repeats parameter should be >= 1"),
        ({"threads": 0}, "threads parameter should be >= 1"),
        ({"seconds": 0.0}, "seconds must be above 0"),
        ({"seconds": float("nan")}, "seconds must be above 0"),
    ],
)
def test_invalid_options_raise(exported: Exported, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        bench(exported(), **options)


def test_multiple_choice_shape_without_choices_raises(exported: Exported) -> None:
    with pytest.raises(InputError, match="such as 1x4x128, not 1x128"):
        bench(exported(task="multiple-choice"), [(1, 128)])
