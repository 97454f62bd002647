import pytest

from convbert_onnx.errors import InputError
from convbert_onnx.tasks import TASKS, task_by_name, task_of_architectures


def test_every_name_means_one_task() -> None:
    names = [name for task in TASKS for name in (task.name, *task.short_names)]
    assert len(names) == len(set(names))
    assert [task_by_name(name).name for name in ("qa", "ner", "mlm", "question-answering")] == [
        "question-answering",
        "token-classification",
        "fill-mask",
        "question-answering",
    ]


def test_an_unknown_task_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"'squad'.*question-answering \(qa\)"):
        task_by_name("squad")


def test_the_task_of_a_checkpoint_is_that_of_its_head() -> None:
    found = task_of_architectures(["ConvBertForQuestionAnswering"])
    assert found is not None
    assert found.name == "question-answering"
    assert task_of_architectures(["BertForQuestionAnswering"]) is None
