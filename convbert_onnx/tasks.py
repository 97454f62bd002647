"""The task table, shared by exporter, runtime and command line.

A row describes a task; what runs it is found by the task's name, with underscores for hyphens:

- ``models/heads.py`` has the class that ``head`` names.
- ``runtime/pipelines/<task>.py`` has its pipeline, as ``PIPELINE``.
- ``runtime/evaluation/<task>.py`` has its labelled data and metrics, as ``EVALUATION``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from convbert_onnx.errors import InputError

__all__ = [
    "SECOND_USES",
    "TASKS",
    "CallArgument",
    "Task",
    "TensorSpec",
    "Use",
    "call_arguments",
    "module_name",
    "task_by_name",
    "task_of_architectures",
]


@dataclass(frozen=True)
class TensorSpec:
    """An input or output of an exported graph: its name and the names of its axes."""

    name: str
    axes: tuple[str, ...]


@dataclass(frozen=True)
class CallArgument:
    """An argument of a pipeline's call that the command line offers as an option.

    Attributes:
        name: the argument, and the option without its hyphens.
        help: the option's help text.
        repeatable: whether the option may be given several times, for an argument that is a list.
    """

    name: str
    help: str
    repeatable: bool = False


@dataclass(frozen=True)
class Use:
    """What models of a task can be used for: a pipeline of its own.

    Attributes:
        name: the task that the pipeline is opened for.
        arguments: the examples in a call.
    """

    name: str
    arguments: tuple[CallArgument, ...]


@dataclass(frozen=True)
class Task:
    """A row of the task table.

    Attributes:
        name: the task's name.
        short_names: other names that are accepted for it.
        head: the class of the model, as ``architectures`` in a config.json name it.
        inputs: the graph's inputs, named as by optimum.
        outputs: the graph's outputs, named as by optimum.
        arguments: the examples in a call of the pipeline.
        reads_pairs: whether the model always reads two texts together, so that one plain text is not an example.
        second_uses: other pipelines for models of this task.
    """

    name: str
    short_names: tuple[str, ...]
    head: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    arguments: tuple[CallArgument, ...]
    reads_pairs: bool = False
    second_uses: tuple[Use, ...] = ()

    @property
    def has_choices(self) -> bool:
        """Whether an example has several rows: the inputs are [batch, choices, sequence]."""
        return "choices" in self.inputs[0].axes

    @property
    def uses(self) -> tuple[Use, ...]:
        """All pipelines for models of this task, its own first."""
        return (Use(self.name, self.arguments), *self.second_uses)


def _tensors(axes: tuple[str, ...], *names: str) -> tuple[TensorSpec, ...]:
    return tuple(TensorSpec(name, axes) for name in names)


_TEXT = _tensors(("batch", "sequence"), "input_ids", "attention_mask", "token_type_ids")
_CHOICES = _tensors(("batch", "choices", "sequence"), "input_ids", "attention_mask", "token_type_ids")
_INPUTS = CallArgument("inputs", "The text, for most tasks.")

TASKS: tuple[Task, ...] = (
    Task(
        name="feature-extraction",
        short_names=("features", "default"),
        head="ConvBertModel",
        inputs=_TEXT,
        outputs=_tensors(("batch", "sequence", "hidden"), "last_hidden_state"),
        arguments=(_INPUTS,),
    ),
    Task(
        name="fill-mask",
        short_names=("mlm",),
        head="ConvBertForMaskedLM",
        inputs=_TEXT,
        outputs=_tensors(("batch", "sequence", "vocab"), "logits"),
        arguments=(_INPUTS,),
    ),
    Task(
        name="text-classification",
        short_names=("classification", "sentiment"),
        head="ConvBertForSequenceClassification",
        inputs=_TEXT,
        outputs=_tensors(("batch", "labels"), "logits"),
        arguments=(_INPUTS,),
        second_uses=(
            Use(
                name="zero-shot-classification",
                arguments=(
                    CallArgument(
                        "sequences",
                        "Zero-shot classification: the text; the labels are -p candidate_labels=a,b,c.",
                    ),
                ),
            ),
        ),
    ),
    Task(
        name="multiple-choice",
        short_names=("mc", "swag"),
        head="ConvBertForMultipleChoice",
        inputs=_CHOICES,
        outputs=_tensors(("batch", "choices"), "logits"),
        arguments=(
            CallArgument("prompt", "Multiple choice: the prompt."),
            CallArgument("choices", "Multiple choice: a continuation; repeatable.", repeatable=True),
        ),
        reads_pairs=True,
    ),
    Task(
        name="token-classification",
        short_names=("ner",),
        head="ConvBertForTokenClassification",
        inputs=_TEXT,
        outputs=_tensors(("batch", "sequence", "labels"), "logits"),
        arguments=(_INPUTS,),
    ),
    Task(
        name="question-answering",
        short_names=("qa",),
        head="ConvBertForQuestionAnswering",
        inputs=_TEXT,
        outputs=_tensors(("batch", "sequence"), "start_logits", "end_logits"),
        arguments=(
            CallArgument("question", "Question answering: the question."),
            CallArgument("context", "Question answering: the text that contains the answer."),
        ),
        reads_pairs=True,
    ),
)

SECOND_USES = {use.name: task.name for task in TASKS for use in task.second_uses}
"""The tasks that models of another task can also be used for, and that other task."""


def task_by_name(name: str) -> Task:
    """Find a task by its name or a short name.

    Raises:
        InputError: no task has this name.
    """
    for task in TASKS:
        if name == task.name or name in task.short_names:
            return task
    known = ", ".join(f"{task.name} ({', '.join(task.short_names)})" for task in TASKS)
    raise InputError(f"there is no task {name!r}; the tasks are {known}")


def task_of_architectures(architectures: Sequence[str]) -> Task | None:
    """The task whose head the ``architectures`` of a config name, or None."""
    return next((task for task in TASKS if task.head in architectures), None)


def call_arguments() -> tuple[CallArgument, ...]:
    """The arguments of the calls of all pipelines; those that several share come once."""
    arguments = (argument for task in TASKS for use in task.uses for argument in use.arguments)
    return tuple(dict.fromkeys(arguments))


def module_name(task: str) -> str:
    """The name of the modules that implement a task: ``question-answering`` -> ``question_answering``."""
    return task.replace("-", "_")
