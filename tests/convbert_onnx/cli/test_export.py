import json
from pathlib import Path

import pytest
from command_line import invoke
from golden import CHECKPOINTS

from convbert_onnx.bundle import ExportRecord

CHECKPOINT = CHECKPOINTS / "plain-question-answering"


@pytest.fixture(autouse=True)
def _exporters() -> None:
    for package in ("torch", "onnx", "onnxscript"):
        pytest.importorskip(package)


def test_export_prints_the_record_of_the_file(tmp_path: Path) -> None:
    output = tmp_path / "qa.onnx"
    result = invoke("export", "--model", CHECKPOINT, "-o", output, "--task", "qa", "--opset", 20, "--json")
    assert result.exit_code == 0, result.stderr
    printed = json.loads(result.stdout)
    assert (printed.pop("file"), printed.pop("bytes")) == (str(output), output.stat().st_size)
    record = ExportRecord.from_dict(printed)
    assert (record.task, record.opset, record.precision) == ("question-answering", 20, "fp32")


def test_a_directory_layout_is_named_model_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = invoke("export", "--model", CHECKPOINT, "--layout", "directory")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith(f"file              {Path('model', 'model.onnx')} (")
    assert {path.name for path in Path("model").iterdir()} >= {"model.onnx", "config.json", "tokenizer.json"}


@pytest.mark.parametrize(
    "arguments", [(), ("--model", "x", "--from-optimum", "y"), ("--model", "x", "--opset", "3"), ("--target", "gpu")]
)
def test_invalid_export_options_are_exit_code_2(arguments: tuple[str, ...]) -> None:
    assert invoke("export", *arguments).exit_code == 2


def test_a_failed_export_is_one_line_and_writes_nothing(tmp_path: Path) -> None:
    result = invoke("export", "--model", CHECKPOINT, "-o", tmp_path / "x.onnx", "--precision", "int8-static")
    assert result.exit_code == 1
    assert "--calibration" in result.stderr
    assert "calibration=" not in result.stderr
    assert result.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
