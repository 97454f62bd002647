"""Probabilities from logits, in double precision."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["FloatArray", "sigmoid", "softmax"]

FloatArray = NDArray[np.float64]


def softmax(logits: NDArray[np.floating], allowed: NDArray[np.bool_] | None = None) -> FloatArray:
    """Probabilities along the last axis; 0 where ``allowed`` is False."""
    scores = logits.astype(np.float64) if allowed is None else np.where(allowed, logits.astype(np.float64), -np.inf)
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True), np.float64)


def sigmoid(logits: NDArray[np.floating]) -> FloatArray:
    """The probability of each logit on its own."""
    return np.asarray(np.exp(-np.logaddexp(0, -logits.astype(np.float64))), np.float64)
