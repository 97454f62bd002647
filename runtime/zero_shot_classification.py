"""Classification by the caller's labels (reference: transformers 4.57 ``pipelines/zero_shot_classification.py``).

A text-classification model for entailment is asked, for each label, whether the text entails "This example is LABEL."
"""

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypedDict

import numpy as np

from convbert_onnx.errors import InputError, InputTypeError
from convbert_onnx.runtime.encoding import Encoding
from convbert_onnx.runtime.model import Outputs
from convbert_onnx.runtime.parameters import flag
from convbert_onnx.runtime.scores import softmax
from convbert_onnx.runtime.task_pipeline import TaskPipeline

__all__ = ["LabelledSequence", "ZeroShotClassification", "ZeroShotClassificationParameters"]


class LabelledSequence(TypedDict):
    """A text with its labels, best first, and their scores."""

    sequence: str
    labels: list[str]
    scores: list[float]


@dataclass(frozen=True)
class ZeroShotClassificationParameters:
    """What a caller can set.

    Attributes:
        candidate_labels: the labels, a list or one string with commas between them.
        hypothesis_template: the sentence that a label is put into, at ``{}``.
        multi_label: let several labels be true, each with a score of its own.
    """

    candidate_labels: str | tuple[str, ...] | list[str] = ()
    hypothesis_template: str = "This example is {}."
    multi_label: bool = False

    def __post_init__(self) -> None:
        labels = self.candidate_labels
        if isinstance(labels, str):
            labels = [label.strip() for label in labels.split(",") if label.strip()]
        if not isinstance(labels, list | tuple) or not all(isinstance(label, str) for label in labels):
            raise InputTypeError(f"candidate_labels must be strings, not {self.candidate_labels!r}")
        object.__setattr__(self, "candidate_labels", tuple(labels))
        if self.hypothesis_template.format("label") == self.hypothesis_template:
            raise InputError(
                f"the hypothesis_template {self.hypothesis_template!r} has no place for a label: put {{}} in it"
            )
        flag("multi_label", self.multi_label)


class ZeroShotClassification(TaskPipeline[str, ZeroShotClassificationParameters]):
    """Orders the caller's labels by how well they fit a text."""

    arguments = ("sequences",)
    parameters = ZeroShotClassificationParameters
    second_argument = "candidate_labels"

    def example(self, item: Any) -> str:
        """A text.

        Raises:
            InputTypeError: it is no string.
            InputError: it is empty.
        """
        text = self.text(item)
        if not text:
            raise InputError("You must include at least one sequence: the text is empty")
        return text

    def encode(self, example: str, parameters: ZeroShotClassificationParameters) -> list[Encoding]:
        """A row for each label; where it would be too long, the text is cut.

        Raises:
            InputError: there is no label.
        """
        if not parameters.candidate_labels:
            raise InputError("You must include at least one label: pass candidate_labels=")
        hypotheses = (parameters.hypothesis_template.format(label) for label in parameters.candidate_labels)
        return [self.row(example, hypothesis, "only_first", None) for hypothesis in hypotheses]

    def decode(
        self, example: str, parameters: ZeroShotClassificationParameters, rows: list[Encoding], outputs: list[Outputs]
    ) -> LabelledSequence:
        """The labels, best first."""
        logits = np.stack([output["logits"] for output in outputs])
        entailment = self._entailment
        if parameters.multi_label or len(rows) == 1:
            contradiction = -1 if entailment == 0 else 0
            scores = softmax(logits[:, [contradiction, entailment]])[:, 1]
        else:
            scores = softmax(logits[:, entailment])
        best = np.argsort(scores)[::-1]
        labels = [parameters.candidate_labels[i] for i in best]
        return LabelledSequence(sequence=example, labels=labels, scores=[float(scores[i]) for i in best])

    @cached_property
    def _entailment(self) -> int:
        for number, label in self.config.id2label.items():
            if label.lower().startswith("entail"):
                return number
        warnings.warn(
            f"no label of this model starts with 'entail' ({', '.join(self.config.id2label.values())}): the last one "
            "is taken; for other results, name the labels in the config",
            UserWarning,
            stacklevel=2,
        )
        return -1
