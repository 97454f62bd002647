"""Classification of texts and of pairs of texts (reference: transformers 4.57 ``pipelines/text_classification.py``).

One difference on purpose: a text that is longer than the model is refused with a sentence, where the reference crashes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from convbert_onnx.errors import InputTypeError
from convbert_onnx.runtime.encoding import Encoding
from convbert_onnx.runtime.model import Outputs
from convbert_onnx.runtime.parameters import one_of, whole_number
from convbert_onnx.runtime.scores import sigmoid, softmax
from convbert_onnx.runtime.task_pipeline import TaskPipeline

__all__ = ["Classification", "TextClassification", "TextClassificationExample", "TextClassificationParameters"]


class Classification(TypedDict):
    """A label and its score."""

    label: str
    score: float


@dataclass(frozen=True)
class TextClassificationExample:
    """A text, or a pair of them.

    ``listed`` says that a result of one label is put into a list, as the reference does for a single string.
    """

    text: str
    text_pair: str | None = None
    listed: bool = False


@dataclass(frozen=True)
class TextClassificationParameters:
    """What a caller can set.

    Attributes:
        top_k: how many labels, best first; None means all of them. Not given, it is one label, not in a list.
        function_to_apply: "sigmoid", "softmax" or "none"; by default what the config's ``problem_type`` and number of
            labels ask for.
        truncation: False, True or "longest_first", "only_first", "only_second".
        max_length: length that ``truncation`` cuts to; by default the model's.
    """

    top_k: int | str | None = ""
    function_to_apply: str | None = None
    truncation: bool | str = False
    max_length: int | None = None

    def __post_init__(self) -> None:
        if self.top_k is not None and self.top_k != "":
            whole_number("top_k", self.top_k, 1)
        if self.function_to_apply is not None:
            one_of("function_to_apply", self.function_to_apply.lower(), tuple(_FUNCTIONS))


class TextClassification(TaskPipeline[TextClassificationExample, TextClassificationParameters]):
    """Gives texts their labels."""

    parameters = TextClassificationParameters
    keeps_none = frozenset({"top_k"})

    def example(self, item: Any) -> TextClassificationExample:
        """An example from a string, or a dict with ``text`` and perhaps ``text_pair``.

        Raises:
            InputTypeError: it is neither, or a text is no string.
        """
        if isinstance(item, Mapping) and "inputs" in item:
            return self._example(item["inputs"], listed=isinstance(item["inputs"], str))
        return self._example(item, listed=False)

    def _example(self, item: Any, listed: bool) -> TextClassificationExample:
        if isinstance(item, str):
            return TextClassificationExample(item, listed=listed)
        if isinstance(item, Mapping) and "text" in item and item.keys() <= {"text", "text_pair"}:
            return TextClassificationExample(item["text"], item.get("text_pair"))
        raise InputTypeError('give a string, or a dict {"text": ..., "text_pair": ...} for a pair, or a list of these')

    def encode(self, example: TextClassificationExample, parameters: TextClassificationParameters) -> list[Encoding]:
        """The one row of an example.

        Raises:
            InputError: it is longer than the model reads and must not be cut.
        """
        # The reference takes an empty second text for none.
        return [self.row(example.text, example.text_pair or None, parameters.truncation, parameters.max_length)]

    def decode(
        self,
        example: TextClassificationExample,
        parameters: TextClassificationParameters,
        rows: list[Encoding],
        outputs: list[Outputs],
    ) -> Classification | list[Classification]:
        """The labels with their scores, best first."""
        scores = _FUNCTIONS[(parameters.function_to_apply or self._usual_function()).lower()](outputs[0]["logits"])
        count = 1 if parameters.top_k == "" else parameters.top_k if isinstance(parameters.top_k, int) else None
        best = np.argsort(-scores, kind="stable")[:count]
        labels = [Classification(label=self.config.id2label[int(i)], score=float(scores[i])) for i in best]
        return labels[0] if parameters.top_k == "" and not example.listed else labels

    def _usual_function(self) -> str:
        if self.config.problem_type == "regression":
            return "none"
        several = self.config.problem_type == "multi_label_classification" or self.config.num_labels == 1
        return "sigmoid" if several else "softmax"


def _as_it_is(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    return logits.astype(np.float64)


_FUNCTIONS = {"sigmoid": sigmoid, "softmax": softmax, "none": _as_it_is}
