import pytest

from convbert_onnx.errors import InputError
from convbert_onnx.tasks import SECOND_USES, TASKS, call_arguments, module_name, task_by_name, task_of_architectures


def test_names_are_unique_and_find_their_task() -> None:
    names = [name for task in TASKS for name in (task.name, *task.short_names)]
    assert len(names) == len(set(names))
    assert [task_by_name(name).name for name in ("qa", "ner", "mlm", "question-answering")] == [
        "question-answering",
        "token-classification",
        "fill-mask",
        "question-answering",
    ]


def test_unknown_task_is_refused_with_a_list_of_tasks() -> None:
    with pytest.raises(InputError, match=r"'squad'.*question-answering \(qa\)"):
        task_by_name("squad")


def test_task_of_architectures() -> None:
    found = task_of_architectures(["ConvBertForQuestionAnswering"])
    assert found is not None
    assert found.name == "question-answering"
    assert task_of_architectures(["BertForQuestionAnswering"]) is None


def test_call_arguments_are_the_options_of_the_command_line_once_each() -> None:
    names = [argument.name for argument in call_arguments()]
    assert len(names) == len(set(names))
    assert {"inputs", "sequences", "prompt", "choices", "question", "context"} <= set(names)
    assert "choices" in [argument.name for argument in call_arguments() if argument.repeatable]


def test_second_use_belongs_to_another_task() -> None:
    assert SECOND_USES == {"zero-shot-classification": "text-classification"}
    task = task_by_name("text-classification")
    assert [use.name for use in task.uses] == ["text-classification", "zero-shot-classification"]
    assert module_name("zero-shot-classification") == "zero_shot_classification"
