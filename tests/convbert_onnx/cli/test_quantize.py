import json
from pathlib import Path

import pytest
from command_line import invoke
from golden import DATA, Exported


@pytest.fixture(autouse=True)
def _exporters() -> None:
    for package in ("onnx", "onnx_ir", "onnxscript"):
        pytest.importorskip(package)


def test_quantize_passes_every_option_on(exported: Exported, tmp_path: Path) -> None:
    output = tmp_path / "static.onnx"
    options = {
        "--precision": "int8-static",
        "--cpu": "arm64",
        "--calibration": DATA / "labelled" / "squad-1.1.json",
        "--calibration-method": "min-max",
        "--activations": "signed",
        "--eval": DATA / "labelled" / "squad-1.1.json",
        "--max-drop": 1,
    }
    result = invoke(
        "quantize", exported(), "-o", output, "--json", *(part for pair in options.items() for part in pair)
    )
    assert result.exit_code == 0, result.stderr
    record = json.loads(result.stdout)
    assert (record["file"], record["precision"], record["cpu"]) == (str(output), "int8-static", "arm64")
    assert record["comparison"]["data"] == "squad-1.1.json"


def test_quantize_without_an_output_is_exit_code_2(exported: Exported) -> None:
    result = invoke("quantize", exported())
    assert result.exit_code == 2
    assert "--output" in result.stderr
