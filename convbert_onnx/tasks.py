"""The tasks, in one table that exporter, runtime and command line share."""

from collections.abc import Sequence
from dataclasses import dataclass

from convbert_onnx.errors import InputError

__all__ = ["SECOND_USES", "TASKS", "Task", "TensorSpec", "task_by_name", "task_of_architectures"]


@dataclass(frozen=True)
class TensorSpec:
    """An input or output of an exported graph: its name and the names of its axes."""

    name: str
    axes: tuple[str, ...]


@dataclass(frozen=True)
class Task:
    """A row of the task table. The names of inputs and outputs are those of optimum."""

    name: str
    short_names: tuple[str, ...]
    head: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


def _tensors(axes: tuple[str, ...], *names: str) -> tuple[TensorSpec, ...]:
    return tuple(TensorSpec(name, axes) for name in names)


_TEXT = _tensors(("batch", "sequence"), "input_ids", "attention_mask", "token_type_ids")
_CHOICES = _tensors(("batch", "choices", "sequence"), "input_ids", "attention_mask", "token_type_ids")

TASKS: tuple[Task, ...] = (
    Task(
        name="feature-extraction",
        short_names=("features", "default"),
        head="ConvBertModel",
        inputs=_TEXT,
        outputs=_tensors(("batch", "sequence", "hidden"), "last_hidden_state"),
    ),
    Task(
        name="fill-mask",
        short_names=("mlm",),
        head="ConvBertForMaskedLM",
        inputs=_TEXT,
        outputs=_tensors(("batch", "sequence", "vocab"), "logits"),
    ),
    Task(
        name="text-classification",
        short_names=("classification", "sentiment"),
        head="ConvBertForSequenceClassification",
        inputs=_TEXT,
        outputs=_tensors(("batch", "labels"), "logits"),
    ),
    Task(
        name="multiple-choice",
        short_names=("mc", "swag"),
        head="ConvBertForMultipleChoice",
        inputs=_CHOICES,
        outputs=_tensors(("batch", "choices"), "logits"),
    ),
    Task(
        name="token-classification",
        short_names=("ner",),
        head="ConvBertForTokenClassification",
        inputs=_TEXT,
        outputs=_tensors(("batch", "sequence", "labels"), "logits"),
    ),
    Task(
        name="question-answering",
        short_names=("qa",),
        head="ConvBertForQuestionAnswering",
        inputs=_TEXT,
        outputs=_tensors(("batch", "sequence"), "start_logits", "end_logits"),
    ),
)

SECOND_USES = {"zero-shot-classification": "text-classification"}
"""What a model of one task can be used for besides, by the name that a pipeline is asked for."""


def task_by_name(name: str) -> Task:
    """The task with this name or short name.

    Raises:
        InputError: no task has this name.
    """
    for task in TASKS:
        if name == task.name or name in task.short_names:
            return task
    known = ", ".join(f"{task.name} ({', '.join(task.short_names)})" for task in TASKS)
    raise InputError(f"there is no task {name!r}; the tasks are {known}")


def task_of_architectures(architectures: Sequence[str]) -> Task | None:
    """The task of the head that a config's ``architectures`` name, or None where they name none of ours."""
    return next((task for task in TASKS if task.head in architectures), None)
