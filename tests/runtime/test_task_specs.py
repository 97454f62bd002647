"""Every row of the task table is complete: what a new head needs is there, and used."""

import re
from dataclasses import replace
from inspect import isabstract
from types import ModuleType

import pytest
from click.testing import CliRunner
from golden import Exported

from convbert_onnx import ConvBertOnnxPipeline
from convbert_onnx.cli import main
from convbert_onnx.runtime.evaluation.base import LabelledEvaluation, TaskEvaluation, task_evaluation
from convbert_onnx.runtime.evaluation.predictions import predict
from convbert_onnx.runtime.pipelines.base import TaskPipeline, pipeline_class
from convbert_onnx.tasks import TASKS, CallArgument, Task, Use

QA = next(task for task in TASKS if task.name == "question-answering")


def missing_parts(task: Task) -> set[str]:
    """The parts of a task that are missing."""
    missing = set()
    for use in task.uses:
        try:
            pipeline = pipeline_class(use.name)
        except (ImportError, AttributeError):
            missing.add("pipeline")
        else:
            if not issubclass(pipeline, TaskPipeline) or isabstract(pipeline):
                missing.add("complete pipeline")
            if not use.arguments or not {argument.name for argument in use.arguments} <= set(pipeline.arguments):
                missing.add("arguments of the pipeline")
        options = CliRunner().invoke(main, ["run", "--help"]).output
        if not all(re.search(rf"--{argument.name}\b", options) for argument in use.arguments):
            missing.add("options of the command line")
    try:
        evaluation = task_evaluation(task.name)
    except (ImportError, AttributeError, TypeError):  # TypeError: methods are missing
        missing.add("evaluation")
    else:
        if not isinstance(evaluation, TaskEvaluation):
            missing.add("evaluation")
    return missing


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_task_is_complete(task: Task) -> None:
    assert not missing_parts(task)


@pytest.mark.parametrize("task", [task.name for task in TASKS])
def test_sample_calls_run_and_results_are_described(exported: Exported, task: str) -> None:
    pipe = ConvBertOnnxPipeline(exported(task=task), threads=1)
    evaluation = task_evaluation(task)
    calls = [evaluation.truncated(pipe, call) for call in evaluation.sample_calls(pipe)[:2]]
    assert len(pipe.raw_outputs_many(calls)) == len(calls) == 2
    assert pipe.describe(calls[0], pipe(**calls[0]))
    if isinstance(evaluation, LabelledEvaluation):
        assert len(predict(pipe, evaluation.sample_examples(pipe)[:2])) == 2
    if not next(one for one in TASKS if one.name == task).reads_pairs:
        pipe(**evaluation.text_call(pipe, "The dust falls."))


class HalfAPipeline(TaskPipeline):  # type: ignore[type-arg]
    arguments = ("question", "context")


def incomplete_evaluation() -> None:
    class HalfAnEvaluation(TaskEvaluation):
        pass

    HalfAnEvaluation()  # type: ignore[abstract]


def test_missing_parts_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not missing_parts(QA)
    assert missing_parts(replace(QA, name="summarization")) == {"pipeline", "evaluation"}
    unknown = replace(QA, arguments=(*QA.arguments, CallArgument("hint", "A hint.")))
    assert missing_parts(unknown) == {"arguments of the pipeline", "options of the command line"}
    assert "pipeline" in missing_parts(replace(QA, second_uses=(Use("reading", QA.arguments),)))
    half = ModuleType("half")
    half.PIPELINE = HalfAPipeline  # type: ignore[attr-defined]
    monkeypatch.setattr("convbert_onnx.runtime.pipelines.base.import_module", lambda name: half)
    assert missing_parts(QA) == {"complete pipeline"}
    with pytest.raises(TypeError, match="abstract method sample_calls"):
        incomplete_evaluation()
    monkeypatch.setattr("convbert_onnx.runtime.evaluation.base.import_module", lambda name: half)
    assert missing_parts(QA) == {"complete pipeline", "evaluation"}


def test_shared_arguments_have_one_help_text() -> None:
    arguments = {argument for task in TASKS for use in task.uses for argument in use.arguments}
    assert len({argument.name for argument in arguments}) == len(arguments)
