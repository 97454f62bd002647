"""Files of newer releases: exported files whose metadata a later version might have written."""

import json
from pathlib import Path
from typing import Any

import pytest
from golden import QUESTION, Exported, same_result

from convbert_onnx import ConvBertOnnxPipeline
from convbert_onnx.cli.output import describe_file
from convbert_onnx.errors import BundleError
from convbert_onnx.runtime import inspect

onnx = pytest.importorskip("onnx")


def newer(source: Path, output: Path, entries: dict[str, str], **record: Any) -> Path:
    """A copy of a file with other metadata entries and other fields in its record."""
    model = onnx.load(source)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    values = json.loads(metadata["convbert_onnx.export"])
    metadata["convbert_onnx.export"] = json.dumps(values | record)
    onnx.helper.set_model_props(model, metadata | {f"convbert_onnx.{name}": text for name, text in entries.items()})
    onnx.save(model, output)
    return output


def record_of(file: Path) -> dict[str, Any]:
    record = inspect(file)["record"]
    assert record is not None
    return record


def test_unknown_fields_and_entries_change_nothing(exported: Exported, tmp_path: Path) -> None:
    original = record_of(exported())
    shapes = [{**shape, "seconds": 0.1} for shape in original["validated"]]
    comparison = {"texts": 1, "same_answers": 1, "mean_difference": 0.0, "worst_difference": 0.0, "median": 0.0}
    file = newer(
        exported(),
        tmp_path / "newer.onnx",
        {"license": "MIT"},
        validated=shapes,
        comparison=comparison,
        signature=["x"],
    )
    info = inspect(file)
    del comparison["median"]
    assert info["record"] == original | {
        "comparison": {"data": None, "metric": None, "before": None, "after": None, **comparison}
    }
    assert "1 of 1 answers" in describe_file(info)
    assert same_result(ConvBertOnnxPipeline(file)(**QUESTION), ConvBertOnnxPipeline(exported())(**QUESTION))


def test_a_file_with_unknown_choices_is_inspected_and_runs(exported: Exported, tmp_path: Path) -> None:
    choices = {"target": "npu", "precision": "fp8", "padding": "left", "cpu": "riscv"}
    file = newer(exported(), tmp_path / "newer.onnx", {}, **choices)
    info = inspect(file)
    assert choices.items() <= record_of(file).items()
    assert "npu, fp8 for riscv" in describe_file(info)
    pipe = ConvBertOnnxPipeline(file)
    assert (pipe.info["target"], pipe.info["precision"]) == ("npu", "fp8")
    assert same_result(pipe(**QUESTION), ConvBertOnnxPipeline(exported())(**QUESTION))


def test_a_file_for_an_unknown_task_is_inspected_and_refused(exported: Exported, tmp_path: Path) -> None:
    file = newer(exported(), tmp_path / "newer.onnx", {}, task="summarization")
    assert record_of(file)["task"] == "summarization"
    with pytest.raises(BundleError, match=r"was exported for summarization, .*: pip install --upgrade convbert-onnx"):
        ConvBertOnnxPipeline(file)


def test_a_newer_format_is_refused_with_the_release_that_reads_it(exported: Exported, tmp_path: Path) -> None:
    file = newer(exported(), tmp_path / "newer.onnx", {"format_version": "2", "min_release": "9.1.0"}, task=5)
    for use in (inspect, ConvBertOnnxPipeline):
        with pytest.raises(BundleError, match=r"newer\.onnx: .*bundle format 2, .*convbert-onnx 9\.1\.0 or newer"):
            use(file)
