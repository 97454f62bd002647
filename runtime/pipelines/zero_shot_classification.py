"""Zero-shot classification (reference: transformers 4.57 ``pipelines/zero_shot_classification.py``).

A text-classification model for entailment scores, for each label, whether the text entails "This example is LABEL."
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
"""Format of a label: alignment, width and precision. The width is limited, because a huge one would fill memory."""


class LabelledSequence(TypedDict):
    """A text with the labels, best first, and their scores."""

    sequence: str
    labels: list[str]
    scores: list[float]


@dataclass(frozen=True)
class ZeroShotClassificationParameters(CallParameters):
    """Parameters of zero-shot classification.

    Attributes:
        candidate_labels: the labels, as a list or a comma-separated string.
        hypothesis_template: the sentence for a label, which replaces ``{}``.
        multi_label: score each label independently, so that several can be true.
        multi_class: deprecated, see ``multi_label``.
        truncation: accepted for compatibility with transformers, without effect: a text is always cut if a row would
            be too long.
        padding: accepted for compatibility with transformers, without effect.
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
    """The caller's labels, ordered by how well they fit a text."""

    arguments = ("sequences",)
    parameters = ZeroShotClassificationParameters
    second_argument = "candidate_labels"

    def parse_example(self, item: object) -> str:
        """Check a text.

        Raises:
            InputTypeError: it is not a string.
            InputError: it is empty.
        """
        text = self.parse_text(item)
        if not text:
            raise InputError("You must include at least one sequence: the text is empty")
        return text

    def preprocess(self, example: str, parameters: ZeroShotClassificationParameters) -> Iterator[Encoding]:
        """Encode the text with the hypothesis of each label; the text is cut if a row would be too long.

        Raises:
            InputError: there is no label.
        """
        if not parameters.candidate_labels:
            raise InputError("You must include at least one label: pass candidate_labels=...")
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
            "is used as entailment; to change this, name the labels in the config",
            UserWarning,
        )
        return -1


PIPELINE = ZeroShotClassification


def _check_template(template: str) -> None:
    """Check that a template has a placeholder for a label, and no others.

    Raises:
        InputError: it has none, or others.
    """
    problem = None
    try:
        fields = [(field, form or "") for _, field, form, _ in Formatter().parse(template) if field is not None]
        if not fields:
            problem = "has no placeholder for a label"
        elif any(field not in ("", "0") for field, _ in fields):
            problem = "has placeholders for other values than a label"
        elif any(not _FORMAT.fullmatch(form) for _, form in fields):
            problem = "has a format that a label cannot have"
        else:
            template.format("label")
    except (ValueError, IndexError) as error:  # a single brace, or placeholders for two labels
        problem = f"cannot be filled in ({error})"
    if problem:
        raise InputError(
            f"the hypothesis_template {short_repr(template)} {problem}: put {{}} where the label goes, and "
            "double other braces"
        )
