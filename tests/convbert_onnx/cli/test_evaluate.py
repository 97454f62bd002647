import json
import re
from dataclasses import asdict
from typing import Any

import pytest
from command_line import invoke
from golden import DATA, Exported

from convbert_onnx.runtime import evaluate


def test_eval_shows_metrics_with_an_interval_for_the_main_one(exported: Exported) -> None:
    result = invoke("eval", exported(), "--data", DATA / "labelled" / "squad-2.0.json", "--threads", 1)
    assert result.exit_code == 0, result.stderr
    assert re.search(r"^data .*squad-2.0.json, 16 examples in [0-9.]+ s$", result.stdout, re.MULTILINE)
    assert re.search(r"^f1 +[0-9.]+ % \(95 % interval [0-9.]+ to [0-9.]+ %, bootstrap\)$", result.stdout, re.MULTILINE)
    assert re.search(r"^exact match +[0-9.]+ %$", result.stdout, re.MULTILINE)


def test_eval_json_equals_the_library_result(exported: Exported) -> None:
    model, data = exported(task="text-classification"), DATA / "labelled" / "polarity.tsv"
    result = json.loads(invoke("eval", model, "--data", data, "--limit", 7, "--batch-size", 2, "--json").stdout)
    expected = asdict(evaluate(model, data, limit=7))
    assert min(result.pop("seconds"), expected.pop("seconds")) > 0
    assert result == json.loads(json.dumps(expected))


@pytest.mark.parametrize("arguments", [(), ("--data", "x.json", "--limit", 0)])
def test_invalid_eval_options_are_exit_code_2(arguments: tuple[Any, ...]) -> None:
    assert invoke("eval", "model.onnx", *arguments).exit_code == 2
