"""Classification by the caller's labels (reference: transformers 4.57 ``pipelines/zero_shot_classification.py``).

A text-classification model for entailment is asked, for each label, whether the text entails "This example is LABEL."
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from string import Formatter
from typing import Literal, TypedDict

import numpy as np
from numpy.typing import NDArray

from convbert_onnx.errors import InputError
from convbert_onnx.runtime.model import Outputs
from convbert_onnx.runtime.parameters import CallParameters, Padding, TokenizerParameters, short_repr, warn_caller
from convbert_onnx.runtime.pipelines.base import TaskPipeline
from convbert_onnx.runtime.pipelines.scored_lines import scored_line
from convbert_onnx.runtime.pipelines.scores import softmax
from convbert_onnx.runtime.tokenization.encoding import Encoding

__all__ = ["PIPELINE", "LabelledSequence", "ZeroShotClassification", "ZeroShotClassificationParameters"]

_CUT = TokenizerParameters(truncation="only_first")

_FORMAT = re.compile(r"(.?[<^>])?\d{0,3}(\.\d{1,4})?s?")
"""Of a label: alignment, width and precision. Widths are limited, for a longer one would fill the memory."""


class LabelledSequence(TypedDict):
    """A text with its labels, best first, and their scores."""

    sequence: str
    labels: list[str]
    scores: list[float]


@dataclass(frozen=True)
class ZeroShotClassificationParameters(CallParameters):
    """What a caller can set.

    Attributes:
        candidate_labels: the labels, a list or one string with commas between them.
        hypothesis_template: the sentence that a label is put into, at ``{}``.
        multi_label: let several labels be true, each with a score of its own. ``multi_class`` is its old name.
        truncation: taken as in the reference, and has no effect: a text is cut where a row would be too long.
        padding: taken as in the reference, and has no effect.
    """

    candidate_labels: str | tuple[str, ...] = ()
    hypothesis_template: str = "This example is {}."
    multi_label: bool = False
    multi_class: bool | None = None
    truncation: Literal[True, "only_first"] = True
    padding: Padding = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.candidate_labels, str):
            labels = map(str.strip, self.candidate_labels.split(","))
            object.__setattr__(self, "candidate_labels", tuple(filter(None, labels)))
        if self.multi_class is not None:
            warn_caller("multi_class is the old name of multi_label", DeprecationWarning)
            object.__setattr__(self, "multi_label", self.multi_class)
        _check_template(self.hypothesis_template)


class ZeroShotClassification(
    TaskPipeline[str, ZeroShotClassificationParameters, NDArray[np.float32], LabelledSequence]
):
    """Orders the caller's labels by how well they fit a text."""

    arguments = ("sequences",)
    parameters = ZeroShotClassificationParameters
    second_argument = "candidate_labels"

    def parse_example(self, item: object) -> str:
        """A text.

        Raises:
            InputTypeError: it is not a string.
            InputError: it is empty.
        """
        text = self.parse_text(item)
        if not text:
            raise InputError("You must include at least one sequence: the text is empty")
        return text

    def preprocess(self, example: str, parameters: ZeroShotClassificationParameters) -> Iterator[Encoding]:
        """A row for each label; where it would be too long, the text is cut.

        Raises:
            InputError: there is no label.
        """
        if not parameters.candidate_labels:
            raise InputError("You must include at least one label: pass candidate_labels=")
        text = self.tokenizer.encode_text(example)
        for label in parameters.candidate_labels:
            hypothesis = self.tokenizer.encode_text(parameters.hypothesis_template.format(label))
            yield self.encode_tokens((text, hypothesis), _CUT)

    def postprocess_row(
        self, example: str, parameters: ZeroShotClassificationParameters, row: Encoding, outputs: Outputs
    ) -> NDArray[np.float32]:
        """The logits for one label."""
        return outputs["logits"].copy()

    def postprocess(
        self, example: str, parameters: ZeroShotClassificationParameters, parts: list[NDArray[np.float32]]
    ) -> LabelledSequence:
        """The labels, best first."""
        logits = np.stack(parts)
        entailment = self._entailment
        if parameters.multi_label or len(parts) == 1:
            contradiction = -1 if entailment == 0 else 0
            scores = softmax(logits[:, [contradiction, entailment]])[:, 1]
        else:
            scores = softmax(logits[:, entailment])
        best = np.argsort(scores)[::-1]
        labels = [parameters.candidate_labels[i] for i in best]
        return LabelledSequence(sequence=example, labels=labels, scores=[float(scores[i]) for i in best])

    def describe(self, call: Mapping[str, object], result: LabelledSequence) -> str:
        """A line for each label, best first."""
        return "\n".join(map(scored_line, result["labels"], result["scores"]))

    @cached_property
    def _entailment(self) -> int:
        for number, label in self.config.id2label.items():
            if label.lower().startswith("entail"):
                return number
        warn_caller(
            f"no label of this model starts with 'entail' ({', '.join(self.config.id2label.values())}): the last one "
            "is taken; for other results, name the labels in the config",
            UserWarning,
        )
        return -1


PIPELINE = ZeroShotClassification


def _check_template(template: str) -> None:
    """Make sure that a template has a place for a label, and for nothing else.

    Raises:
        InputError: it has not.
    """
    problem = None
    try:
        fields = [(field, form or "") for _, field, form, _ in Formatter().parse(template) if field is not None]
        if not fields:
            problem = "has no place for a label"
        elif any(field not in ("", "0") for field, _ in fields):
            problem = "has places for other things than a label"
        elif any(not _FORMAT.fullmatch(form) for _, form in fields):
            problem = "has a format that a label cannot have"
        else:
            template.format("label")
    except (ValueError, IndexError) as error:  # a lone brace, or places for two labels
        problem = f"cannot be filled in ({error})"
    if problem:
        raise InputError(
            f"the hypothesis_template {short_repr(template)} {problem}: put {{}} where the label goes, and "
            "double other braces"
        )
