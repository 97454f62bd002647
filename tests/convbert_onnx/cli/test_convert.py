import json
from pathlib import Path

import pytest
from command_line import invoke
from golden import CHECKPOINTS


@pytest.fixture(autouse=True)
def _models() -> None:
    for package in ("torch", "safetensors"):
        pytest.importorskip(package)


def test_convert_describes_what_it_wrote(tmp_path: Path) -> None:
    checkpoint = CHECKPOINTS / "plain-question-answering"
    result = invoke("convert", checkpoint, "-o", tmp_path / "new", "--task", "features")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith(f"{tmp_path / 'new'}: ConvBertModel of plain-question-answering, ")
    printed = json.loads(invoke("convert", checkpoint, "-o", tmp_path / "json", "--json").stdout)
    assert printed["head"] == "ConvBertForQuestionAnswering"
    assert printed["directory"] == str(tmp_path / "json")


def test_convert_without_an_output_is_exit_code_2() -> None:
    assert invoke("convert", "x").exit_code == 2
