"""Features and sentence embeddings (reference: transformers 4.57 ``pipelines/feature_extraction.py``).

Beyond the reference: ``pooling``, ``normalize``, numpy output. A text that is longer than the model is refused with a
sentence, where the reference crashes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from convbert_onnx.errors import InputError
from convbert_onnx.runtime.encoding import Encoding
from convbert_onnx.runtime.model import Outputs
from convbert_onnx.runtime.parameters import flag, one_of
from convbert_onnx.runtime.task_pipeline import TaskPipeline

__all__ = ["FeatureExtraction", "FeatureExtractionParameters"]


@dataclass(frozen=True)
class FeatureExtractionParameters:
    """What a caller can set.

    Attributes:
        pooling: None gives a vector for each token; "cls" that of the first token, "mean" the mean over all tokens.
        normalize: make each vector one long.
        return_tensors: give numpy arrays instead of lists.
        truncation: cut a text to the model's length.
        tokenize_kwargs: ``truncation`` and ``max_length``, as the reference spells them.
    """

    pooling: str | None = None
    normalize: bool = False
    return_tensors: bool = False
    truncation: bool | str = False
    tokenize_kwargs: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        one_of("pooling", self.pooling, (None, "cls", "mean"))
        for name in ("normalize", "return_tensors"):
            flag(name, getattr(self, name))
        if unknown := self.tokenize_kwargs.keys() - {"truncation", "max_length"}:
            raise InputError(f"tokenize_kwargs takes truncation and max_length, not {', '.join(sorted(unknown))}")


class FeatureExtraction(TaskPipeline[str, FeatureExtractionParameters]):
    """Gives texts as vectors."""

    parameters = FeatureExtractionParameters

    def example(self, item: Any) -> str:
        """A text.

        Raises:
            InputTypeError: it is no string.
        """
        return self.text(item)

    def encode(self, example: str, parameters: FeatureExtractionParameters) -> list[Encoding]:
        """The one row of a text.

        Raises:
            InputError: it is longer than the model reads and must not be cut.
        """
        options = {"truncation": parameters.truncation, "max_length": None} | dict(parameters.tokenize_kwargs)
        return [self.row(example, None, options["truncation"], options["max_length"])]

    def decode(
        self, example: str, parameters: FeatureExtractionParameters, rows: list[Encoding], outputs: list[Outputs]
    ) -> Any:
        """[1, tokens, hidden], or with pooling [hidden]; nested lists, or a float32 array."""
        hidden = outputs[0]["last_hidden_state"]
        vectors = hidden[None]
        if parameters.pooling is not None:
            vectors = hidden[0] if parameters.pooling == "cls" else hidden.mean(axis=0)
        if parameters.normalize:
            vectors = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
        return vectors if parameters.return_tensors else vectors.tolist()
