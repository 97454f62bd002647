"""Classification of texts and of pairs of texts (reference: transformers 4.57 ``pipelines/text_classification.py``).

One difference on purpose: a text that is longer than the model is refused, where the reference crashes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypedDict

import numpy as np
from numpy.typing import NDArray

from convbert_onnx.errors import InputError, InputTypeError
from convbert_onnx.runtime.model import Outputs
from convbert_onnx.runtime.parameters import CallParameters, Positive, TokenizerParameters, warn_caller
from convbert_onnx.runtime.pipelines.base import TaskPipeline, check_string
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
    """A text, or a pair of them.

    ``listed`` says that it is the only input of its call, and a string: the reference lists its result.
    """

    text: str
    text_pair: str | None = None
    listed: bool = False


@dataclass(frozen=True)
class TextClassificationParameters(TokenizerParameters, CallParameters):
    """What a caller can set, besides what the tokenizer takes.

    Attributes:
        top_k: how many labels, best first; None means all of them. Not given, it is one label, not in a list.
        function_to_apply: "sigmoid", "softmax" or "none"; by default what the config's ``problem_type`` and number of
            labels ask for.
        text_pair: a second text for every input that is a string.
        return_all_scores: old name: True is ``top_k=None`` in the order of the config, False is the best label.
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
"""A label, or a list of them with ``top_k`` or for a call with one string, or with ``return_all_scores`` both."""


class TextClassification(
    TaskPipeline[TextClassificationExample, TextClassificationParameters, FloatArray, Classifications]
):
    """Gives texts their labels."""

    parameters = TextClassificationParameters

    def resolve_parameters(self, parameters: TextClassificationParameters) -> TextClassificationParameters:
        """A call's ``return_all_scores`` replaces the pipeline's ``top_k``."""
        called = parameters.given & {"top_k", "return_all_scores"}
        if parameters.top_k != "" and called == {"return_all_scores"}:
            object.__setattr__(parameters, "top_k", None if parameters.return_all_scores else 1)
        return parameters

    def parse_example(self, item: object) -> TextClassificationExample:
        """An example from a string, or a dict with ``text`` and perhaps ``text_pair``.

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
                'give a string, or a dict {"text": ..., "text_pair": ...} for a pair, or a list of these as `inputs`'
            )
        pair = item.get("text_pair")
        return TextClassificationExample(
            check_string("text", item["text"]), None if pair is None else check_string("text_pair", pair)
        )

    def preprocess(
        self, example: TextClassificationExample, parameters: TextClassificationParameters
    ) -> list[Encoding]:
        """The one row of an example.

        Raises:
            InputError: it is longer than the model reads and must not be cut, or has two second texts.
        """
        pair = example.text_pair
        if parameters.text_pair is not None:
            if pair is not None:
                raise InputError("the input has a text_pair of its own: leave out the parameter text_pair")
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
        return _FUNCTIONS[parameters.function_to_apply or self._usual_function()](outputs["logits"])

    def postprocess(
        self, example: TextClassificationExample, parameters: TextClassificationParameters, parts: list[FloatArray]
    ) -> Classifications:
        """The labels with their scores, best first."""
        (scores,) = parts
        best = [int(place) for place in np.argsort(-scores, kind="stable")]
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

    def _classified(self, scores: FloatArray, places: Iterable[int]) -> list[Classification]:
        return [Classification(label=self.config.id2label[place], score=float(scores[place])) for place in places]

    def _usual_function(self) -> str:
        if self.config.problem_type == "regression":
            return "none"
        several = self.config.problem_type == "multi_label_classification" or self.config.num_labels == 1
        return "sigmoid" if several else "softmax"


PIPELINE = TextClassification


def _as_it_is(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    return logits.astype(np.float64)


_FUNCTIONS = {"sigmoid": sigmoid, "softmax": softmax, "none": _as_it_is}
