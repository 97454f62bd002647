"""Every pipeline against the reference's results."""

from copy import deepcopy
from typing import Any

import pytest
from golden import ARCHITECTURES, Exported, pipeline_cases, same_result

from convbert_onnx import ConvBertOnnxPipeline
from convbert_onnx.errors import InputError

TASKS = ("feature-extraction", "fill-mask", "text-classification", "token-classification")
OVERLONG = ("IndexError", "RuntimeError")
"""What the reference raises on a text that is longer than the model."""


def answer(pipe: ConvBertOnnxPipeline, case: dict[str, Any]) -> Any:
    return pipe(case["inputs"], **case["kwargs"])


pytestmark = pytest.mark.cpu

MATRIX = [
    *((architecture, task, "masked") for architecture in ARCHITECTURES for task in TASKS),
    *(("plain", task, "as-trained") for task in TASKS),
    *((architecture, "token-classification", "as-trained") for architecture in ("grouped", "cased")),
]


@pytest.mark.filterwarnings("ignore:the vocabulary has no word")
@pytest.mark.parametrize(("architecture", "task", "padding"), MATRIX)
def test_results_equal_the_reference(exported: Exported, architecture: str, task: str, padding: str) -> None:
    path = exported(architecture, padding=padding, task=task)
    pipes = {name: ConvBertOnnxPipeline(path, name) for name in (task, *SECOND.get(task, ()))}
    for case in pipeline_cases(architecture, task):
        pipe = pipes[case.get("task") or task]
        if "error" in case:
            reason = "longer|where the model reads" if case["error"] in OVERLONG else case["message"].split(" (")[0]
            with pytest.raises(InputError, match=reason):
                answer(pipe, case)
        elif "stride" in case["kwargs"] and padding == "masked":
            # The reference pads the last window, and padding leaks into it; the windows before are the same.
            ours, theirs = answer(pipe, case), case["output"]
            shared = min(len(ours), len(theirs)) * 3 // 4
            assert same_result(ours[:shared], theirs[:shared])
        else:
            assert same_result(answer(pipe, case), case["output"]), case


SECOND = {"text-classification": ("zero-shot-classification",)}


@pytest.mark.parametrize("task", TASKS)
def test_comparison_detects_another_model(exported: Exported, task: str) -> None:
    pipe = ConvBertOnnxPipeline(exported("plain", task=task))
    cases = [case for case in pipeline_cases("grouped", task) if "output" in case]
    assert not all(same_result(answer(pipe, case), case["output"]) for case in cases)


def test_comparison_detects_exchanged_results() -> None:
    case = pipeline_cases("plain", "token-classification")[0]
    wrong = deepcopy(case["output"])
    wrong[0], wrong[1] = wrong[1], wrong[0]
    assert not same_result(wrong, case["output"])
