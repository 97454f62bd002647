"""The base classes of the tasks' evaluations; each task has a module with its own, named as the task."""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar, cast

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import InputError
from convbert_onnx.runtime.evaluation.metrics import Score
from convbert_onnx.runtime.pipeline import ConvBertOnnxPipeline
from convbert_onnx.tasks import TASKS, module_name

__all__ = ["Call", "LabelledEvaluation", "LabelledExample", "TaskEvaluation", "labelled_evaluation", "task_evaluation"]

Call = Mapping[str, Any]
"""The keyword arguments of a pipeline's call."""

Expected = TypeVar("Expected")
Prediction = TypeVar("Prediction", bound=Hashable)


@dataclass(frozen=True)
class LabelledExample:
    """An example with its label.

    Attributes:
        place: the file, and the line or the entry in it.
        call: the arguments of the pipeline's call.
        expected: the label, in the form that the module of the task describes; None if there is none.
    """

    place: str
    call: Call
    expected: Any


class TaskEvaluation(ABC):
    """Sample calls to compare two files of a task with; all tasks have them."""

    @abstractmethod
    def sample_calls(self, pipe: ConvBertOnnxPipeline) -> list[Call]:
        """Calls with the sample text, whose outputs two files are compared on."""

    def text_call(self, pipe: ConvBertOnnxPipeline, text: str) -> Call:
        """A call with one plain text, for tasks that do not read pairs only."""
        return {"inputs": text}

    def truncated(self, pipe: ConvBertOnnxPipeline, call: Call) -> Call:
        """The call with parameters that truncate its texts; parameters that are already set stay."""
        return {"truncation": True, **call}


class LabelledEvaluation(TaskEvaluation, Generic[Expected, Prediction]):
    """Labelled data, predictions and metrics of a task.

    Type parameters: what is expected of an example, and what is predicted for it.

    Attributes:
        chunk_size: examples that are predicted together; they share batches.
    """

    chunk_size: ClassVar[int] = 64

    @abstractmethod
    def read(self, path: Path, text: str, config: ConvBertConfig) -> Iterator[LabelledExample]:
        """The labelled examples of a file, read lazily.

        Args:
            path: the file, for its suffix and for messages.
            text: its content.
            config: the model's config; the file gives its labels by name or by number.

        Raises:
            InputError: the file is not in the task's format. The message names the line.
        """

    def prepare(self, pipe: ConvBertOnnxPipeline, examples: Sequence[LabelledExample]) -> list[LabelledExample]:
        """Complete examples for a model before they are predicted and scored.

        Raises:
            InputError: an example does not fit the model.
        """
        return list(examples)

    @abstractmethod
    def predict(
        self, pipe: ConvBertOnnxPipeline, examples: Sequence[LabelledExample], batch_size: int | None
    ) -> list[Prediction]:
        """The prediction for each example, without scores: equal for two models that agree.

        Raises:
            InputError: the pipeline refuses an example. The message names its place.
            RunError: onnxruntime failed.
        """

    @abstractmethod
    def score(self, expected: Sequence[Expected], predicted: Sequence[Prediction]) -> Score:
        """The metrics of predictions for at least one example."""

    def sample_examples(self, pipe: ConvBertOnnxPipeline) -> list[LabelledExample]:
        """The sample text as examples without labels, truncated to the model's maximum length."""
        calls = enumerate(self.sample_calls(pipe), start=1)
        return [LabelledExample(f"sample {number}", self.truncated(pipe, call), None) for number, call in calls]


def task_evaluation(task: str) -> TaskEvaluation:
    """The evaluation of a task: ``EVALUATION`` of the module that is named as the task.

    Args:
        task: the name of a task; second uses have no evaluation.
    """
    module = import_module(f"convbert_onnx.runtime.evaluation.{module_name(task)}")
    return cast(TaskEvaluation, module.EVALUATION)


def labelled_evaluation(task: str) -> LabelledEvaluation[object, Hashable]:
    """The evaluation of a task with labelled data.

    Raises:
        InputError: the task has no labelled data.
    """
    names = [one.name for one in TASKS]
    evaluation = task_evaluation(task) if task in names else None
    if isinstance(evaluation, LabelledEvaluation):
        return evaluation
    labelled = [name for name in names if isinstance(task_evaluation(name), LabelledEvaluation)]
    raise InputError(f"{task} has no labelled data; tasks that have are {', '.join(labelled)}")
