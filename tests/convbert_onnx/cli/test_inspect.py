import json
import re

import pytest
from command_line import ASK, invoke
from golden import Exported


def test_inspect_shows_the_record_and_the_inputs(exported: Exported) -> None:
    text = invoke("inspect", exported()).stdout
    assert "question-answering" in text
    assert "3 x SpanDynamicConv" in text
    info = json.loads(invoke("inspect", exported(), "--json").stdout)
    assert info["record"]["worst_difference"] == max(shape["difference"] for shape in info["record"]["validated"])
    assert info["inputs"]["input_ids"] == ["batch", "sequence"]
    assert "none, standard ONNX only" in invoke("inspect", exported(target="portable")).stdout


def test_kernels_can_be_disabled_and_inspect_reports_them(exported: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONVBERT_ONNX_NATIVE", raising=False)
    assert json.loads(invoke("run", exported(), "--no-native", *ASK, "--json").stdout)["answer"]
    assert re.search(r"^kernels +(native|fallback), ", invoke("inspect", exported()).stdout, re.MULTILINE)
    monkeypatch.setenv("CONVBERT_ONNX_NATIVE", "0")
    assert re.search(r"^kernels +fallback, as asked for$", invoke("inspect", exported()).stdout, re.MULTILINE)
    assert re.search(r"^kernels +standard operators only$", invoke("inspect", exported(target="portable")).stdout, re.M)
