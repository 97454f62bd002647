"""Features and sentence embeddings (reference: transformers 4.57 ``pipelines/feature_extraction.py``).

Additions to the reference: ``pooling``, ``normalize``, numpy output. A text that is longer than the model's maximum
length is refused; the reference crashes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from convbert_onnx.errors import InputError
from convbert_onnx.runtime.model import Outputs
from convbert_onnx.runtime.parameters import DEFAULT_TOKENIZATION, CallParameters, TokenizerParameters, Truncation
from convbert_onnx.runtime.pipelines.base import TaskPipeline
from convbert_onnx.runtime.tokenization.encoding import Encoding

__all__ = ["PIPELINE", "FeatureExtraction", "FeatureExtractionParameters", "Features", "TokenVectors"]

TokenVectors = list[list[list[float]]]
"""A vector for each token of a text, [1, tokens, hidden]."""

Features = TokenVectors | list[float] | NDArray[np.float32]
"""The vectors of a text; with ``pooling`` one vector, [hidden]."""


@dataclass(frozen=True)
class FeatureExtractionParameters(CallParameters):
    """Parameters of feature extraction.

    Attributes:
        pooling: None gives a vector for each token; "cls" gives the first token's vector, "mean" the mean over all
            tokens.
        normalize: scale each vector to unit length.
        return_tensors: return numpy arrays instead of lists.
        truncation: as in ``tokenize_kwargs``.
        tokenize_kwargs: how a text is encoded. If it is padded, padded positions have vectors too, but they affect
            neither the mean nor other vectors.
    """

    pooling: Literal["cls", "mean"] | None = None
    normalize: bool = False
    return_tensors: bool = False
    truncation: Truncation | None = None
    tokenize_kwargs: TokenizerParameters = DEFAULT_TOKENIZATION

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.truncation is not None:
            if self.tokenize_kwargs.truncation is not None:
                raise InputError("truncation is given twice: pass it directly or in tokenize_kwargs, not both")
            object.__setattr__(self, "tokenize_kwargs", replace(self.tokenize_kwargs, truncation=self.truncation))


class FeatureExtraction(TaskPipeline[str, FeatureExtractionParameters, NDArray[np.float32], Features]):
    """Hidden states of texts, one vector per token or pooled."""

    parameters = FeatureExtractionParameters

    def parse_example(self, item: object) -> str:
        """Check a text.

        Raises:
            InputTypeError: it is not a string.
        """
        return self.parse_text(item)

    def preprocess(self, example: str, parameters: FeatureExtractionParameters) -> list[Encoding]:
        """Encode a text as one row.

        Raises:
            InputError: it is longer than the model's maximum length and must not be cut.
        """
        return [self.encode_row(example, None, parameters.tokenize_kwargs)]

    def postprocess_row(
        self, example: str, parameters: FeatureExtractionParameters, row: Encoding, outputs: Outputs
    ) -> NDArray[np.float32]:
        """[1, tokens, hidden], or with pooling [hidden]."""
        hidden = outputs["last_hidden_state"].astype(np.float32)
        vectors: NDArray[np.float32]
        if parameters.pooling == "mean":
            vectors = hidden[: len(row)].mean(axis=0)
        else:
            vectors = hidden[0].copy() if parameters.pooling == "cls" else hidden[None]
        if parameters.normalize:
            lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
            vectors = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
        return vectors

    def postprocess(
        self, example: str, parameters: FeatureExtractionParameters, parts: list[NDArray[np.float32]]
    ) -> Features:
        """The vectors, as nested lists or as a float32 array."""
        (vectors,) = parts
        if parameters.return_tensors:
            return vectors
        listed: TokenVectors | list[float] = vectors.tolist()
        return listed

    def describe(self, call: Mapping[str, object], result: Features) -> str:
        """The vectors, as Python prints them."""
        return str(result)


PIPELINE = FeatureExtraction
