"""The base classes of evaluations."""

import pytest
from golden import Exported

from convbert_onnx import ConvBertOnnxPipeline
from convbert_onnx.errors import InputError
from convbert_onnx.runtime.evaluation.base import labelled_evaluation, task_evaluation
from convbert_onnx.tasks import TASKS


def test_labelled_evaluation_lists_the_tasks_with_labelled_data() -> None:
    assert labelled_evaluation("question-answering") is task_evaluation("question-answering")
    for task in ("feature-extraction", "zero-shot-classification", "summarization"):
        with pytest.raises(
            InputError, match=f"{task} has no labelled data; tasks that have are fill-mask, .*answering$"
        ):
            labelled_evaluation(task)


@pytest.mark.parametrize("task", [task.name for task in TASKS])
def test_truncated_calls_fit_a_short_model_and_keep_their_own_parameters(exported: Exported, task: str) -> None:
    pipe = ConvBertOnnxPipeline(exported("grouped", task=task))  # its maximum length is 128
    evaluation = task_evaluation(task)
    calls = evaluation.sample_calls(pipe)
    long = [
        {name: f"{text} {'dust ' * 300}" if isinstance(text, str) else text for name, text in call.items()}
        for call in calls[:2]
    ]
    outputs = pipe.raw_outputs_many([evaluation.truncated(pipe, call) for call in long])
    assert all(outputs)
    name, value = next(iter(evaluation.truncated(pipe, {}).items()), ("", None))
    assert evaluation.truncated(pipe, {name: "own"})[name] == "own" if name else value is None
