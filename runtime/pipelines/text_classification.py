"""Classification of texts and of pairs of texts (reference: transformers 4.57 ``pipelines/text_classification.py``).

One deliberate difference: a text that is longer than the model's maximum length is refused; the reference crashes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypedDict

import numpy as np
from numpy.typing import NDArray

from convbert_onnx.errors import InputError, InputTypeError
from convbert_onnx.runtime.model import Outputs
from convbert_onnx.runtime.parameters import CallParameters, Positive, TokenizerParameters, check_string, warn_caller
from convbert_onnx.runtime.pipelines.base import TaskPipeline
from convbert_onnx.runtime.pipelines.scored_lines import scored_lines
from convbert_onnx.runtime.pipelines.scores import FloatArray, sigmoid, softmax
from convbert_onnx.runtime.tokenization.encoding import Encoding

__all__ = [
    "PIPELINE",
    "Classification",
    "TextClassification",
    "TextClassificationExample",
    "TextClassificationParameters",
]


class Classification(TypedDict):
    """A label and its score."""

    label: str
    score: float


@dataclass(frozen=True)
class TextClassificationExample:
    """A text, or a pair of texts.

    ``listed`` marks a string that is the only input of its call: the reference puts its result into a list.
    """

    text: str
    text_pair: str | None = None
    listed: bool = False


@dataclass(frozen=True)
class TextClassificationParameters(TokenizerParameters, CallParameters):
    """Parameters of text classification, in addition to the tokenizer's.

    Attributes:
        top_k: number of labels, best first; None means all. If it is not given, the result is one label without a list.
        function_to_apply: "sigmoid", "softmax" or "none"; by default it follows from the config's ``problem_type`` and
            number of labels.
        text_pair: the second text for all inputs that are strings.
        return_all_scores: deprecated: True is ``top_k=None`` in the order of the config, False is the best label.
    """

    top_k: Positive | Literal[""] | None = ""
    function_to_apply: Literal["sigmoid", "softmax", "none"] | None = None
    text_pair: str | None = None
    return_all_scores: bool | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.return_all_scores is not None:
            warn_caller("return_all_scores is deprecated: pass top_k=None for all labels", DeprecationWarning)


Classifications = Classification | list[Classification] | list[list[Classification]]
"""A label, or a list of labels; a list of lists for one string with ``return_all_scores``."""


class TextClassification(
    TaskPipeline[TextClassificationExample, TextClassificationParameters, FloatArray, Classifications]
):
    """Labels of texts and of pairs of texts."""

    parameters = TextClassificationParameters

    def resolve_parameters(self, parameters: TextClassificationParameters) -> TextClassificationParameters:
        """Let a call's ``return_all_scores`` replace the pipeline's ``top_k``."""
        called = parameters.given & {"top_k", "return_all_scores"}
        if parameters.top_k != "" and called == {"return_all_scores"}:
            object.__setattr__(parameters, "top_k", None if parameters.return_all_scores else 1)
        return parameters

    def parse_example(self, item: object) -> TextClassificationExample:
        """Check a string, or a dict with ``text`` and optionally ``text_pair``.

        Raises:
            InputTypeError: it is neither, or a text is not a string.
        """
        if isinstance(item, Mapping) and "inputs" in item:
            return self._example(item["inputs"], listed=isinstance(item["inputs"], str))
        return self._example(item, listed=False)

    def _example(self, item: object, listed: bool) -> TextClassificationExample:
        if isinstance(item, list) and len(item) == 1 and isinstance(item[0], list) and len(item[0]) == 2:
            item = dict(zip(("text", "text_pair"), item[0], strict=True))  # the reference's old form of a pair
        if isinstance(item, str):
            return TextClassificationExample(item, listed=listed)
        if not isinstance(item, Mapping) or "text" not in item or not item.keys() <= {"text", "text_pair"}:
            raise InputTypeError(
                'pass a string, or a dict {"text": ..., "text_pair": ...} for a pair, or a list of these as `inputs`'
            )
        pair = item.get("text_pair")
        return TextClassificationExample(
            check_string("text", item["text"]), None if pair is None else check_string("text_pair", pair)
        )

    def preprocess(
        self, example: TextClassificationExample, parameters: TextClassificationParameters
    ) -> list[Encoding]:
        """Encode an example as one row.

        Raises:
            InputError: it is longer than the model's maximum length and must not be cut, or has two second texts.
        """
        pair = example.text_pair
        if parameters.text_pair is not None:
            if pair is not None:
                raise InputError("the input has its own text_pair: leave out the parameter text_pair")
            pair = parameters.text_pair
        # As in the reference, an empty second text counts as none.
        return [self.encode_row(example.text, pair or None, parameters)]

    def postprocess_row(
        self,
        example: TextClassificationExample,
        parameters: TextClassificationParameters,
        row: Encoding,
        outputs: Outputs,
    ) -> FloatArray:
        """The score of each label."""
        return _FUNCTIONS[parameters.function_to_apply or self._default_function()](outputs["logits"])

    def postprocess(
        self, example: TextClassificationExample, parameters: TextClassificationParameters, parts: list[FloatArray]
    ) -> Classifications:
        """The labels with their scores, best first."""
        (scores,) = parts
        best = [int(index) for index in np.argsort(-scores, kind="stable")]
        result: Classification | list[Classification]
        if parameters.top_k is None:
            result = self._classified(scores, best)
        elif parameters.top_k != "":
            result = self._classified(scores, best[: int(parameters.top_k)])
        elif parameters.return_all_scores:
            result = self._classified(scores, range(len(scores)))
        else:
            result = self._classified(scores, best[:1])[0]
        # The reference puts the result for a single string into a list, unless the call itself has top_k.
        return [result] if example.listed and "top_k" not in parameters.given else result  # type: ignore[return-value]

    def describe(self, call: Mapping[str, object], result: Classifications) -> str:
        """A line for each label."""
        return scored_lines(result, "label")

    def _classified(self, scores: FloatArray, indices: Iterable[int]) -> list[Classification]:
        return [Classification(label=self.config.id2label[index], score=float(scores[index])) for index in indices]

    def _default_function(self) -> str:
        if self.config.problem_type == "regression":
            return "none"
        independent = self.config.problem_type == "multi_label_classification" or self.config.num_labels == 1
        return "sigmoid" if independent else "softmax"


PIPELINE = TextClassification


def _identity(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    return logits.astype(np.float64)


_FUNCTIONS = {"sigmoid": sigmoid, "softmax": softmax, "none": _identity}
