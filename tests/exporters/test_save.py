import shutil
from dataclasses import replace
from pathlib import Path

import onnx
import onnx.reference
import onnx_ir as ir
import pytest
from golden import (
    CHECKPOINTS,
    Exported,
    pipeline_cases,
    same_result,
)

from convbert_onnx import ConvBertOnnxPipeline
from convbert_onnx.bundle import Bundle
from convbert_onnx.errors import OutputError, ParityError
from convbert_onnx.exporters import export, quantize
from convbert_onnx.exporters.save import append_bundle, data_file, save_graph
from convbert_onnx.runtime import inspect
from convbert_onnx.runtime.model_files.external_data import external_files

PLAIN = CHECKPOINTS / "plain-question-answering"


CASE = pipeline_cases("plain", "question-answering")[0]


@pytest.fixture
def small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the weights of the toy model exceed one file."""
    monkeypatch.setattr("convbert_onnx.exporters.save.MAX_WEIGHT_BYTES", 4096)


@pytest.mark.parametrize("target", ["cpu", "portable"])
def test_a_large_model_is_two_files_that_can_be_moved_together(small_files: None, tmp_path: Path, target: str) -> None:
    export(PLAIN, tmp_path / "model.onnx", target=target)  # type: ignore[arg-type]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.onnx", "model.onnx.data"]
    assert external_files(tmp_path / "model.onnx") == {"model.onnx.data"}
    assert (tmp_path / "model.onnx.data").stat().st_size > 300_000
    (tmp_path / "moved").mkdir()
    for name in ("model.onnx", "model.onnx.data"):
        shutil.move(tmp_path / name, tmp_path / "moved")
    assert same_result(ConvBertOnnxPipeline(tmp_path / "moved" / "model.onnx")(**CASE["inputs"]), CASE["output"])
    onnx.checker.check_model(tmp_path / "moved" / "model.onnx", full_check=True)
    info = inspect(tmp_path / "moved")
    assert info["record"] is not None
    assert info["record"]["task"] == "question-answering"
    assert info["bytes"] == sum(path.stat().st_size for path in (tmp_path / "moved").iterdir())


def test_a_large_model_in_a_directory_layout_runs(small_files: None, tmp_path: Path) -> None:
    export(PLAIN, tmp_path / "model", layout="directory")
    assert {"model.onnx", "model.onnx.data", "config.json"} <= {path.name for path in (tmp_path / "model").iterdir()}
    assert same_result(ConvBertOnnxPipeline(tmp_path / "model")(**CASE["inputs"]), CASE["output"])


def test_a_refused_export_keeps_both_old_files(
    small_files: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = {tmp_path / name: f"old {name}" for name in ("model.onnx", "model.onnx.data")}
    for path, text in old.items():
        path.write_text(text)
    monkeypatch.setattr("convbert_onnx.exporters.validate.TOLERANCE", 0.0)
    with pytest.raises(ParityError):
        export(PLAIN, tmp_path / "model.onnx")
    assert {path: path.read_text() for path in tmp_path.iterdir()} == old


def test_a_model_is_not_written_to_a_device(exported: Exported) -> None:
    with pytest.raises(OutputError, match="/dev/null is not a regular file: name a file"):
        quantize(exported(), "/dev/null")


def test_append_bundle_adds_metadata_and_hashes_without_rewriting_the_graph(exported: Exported, tmp_path: Path) -> None:
    graph = ir.load(exported())
    bundle = Bundle.from_metadata(graph.metadata_props)
    assert bundle is not None
    graph.metadata_props.clear()
    path = tmp_path / "model.onnx"
    save_graph(graph, path)
    before = path.read_bytes()
    record = append_bundle(path, bundle)
    assert path.read_bytes().startswith(before)
    assert replace(record, sha256={}) == replace(bundle.record, sha256={})
    assert ir.load(path).metadata_props == replace(bundle, record=record).to_metadata()
    assert [record.sha256[part] for part in ("graph", "weights")] == [
        bundle.record.sha256[part] for part in ("graph", "weights")
    ]
    assert record.sha256.keys() == {"graph", "weights"} | {
        name.removeprefix("convbert_onnx.") for name in bundle.to_metadata()
    }


def test_data_file_is_next_to_the_model() -> None:
    assert data_file(Path("folder", "model.onnx")) == Path("folder", "model.onnx.data")
