"""Probabilities from logits."""

import numpy as np
import pytest

from convbert_onnx.runtime.pipelines.scores import sigmoid, softmax


def test_softmax_is_stable_and_skips_positions_that_are_not_allowed() -> None:
    logits = np.array([[1000.0, 1001.0, 5000.0], [0.0, 0.0, 0.0]], np.float32)
    scores = softmax(logits, np.array([True, True, False]))
    assert scores.dtype == np.float64
    assert scores[0] == pytest.approx([1 / (1 + np.e), np.e / (1 + np.e), 0])
    assert scores[1] == pytest.approx([0.5, 0.5, 0])
    assert softmax(logits).sum(axis=-1) == pytest.approx([1, 1])


def test_sigmoid_neither_overflows_nor_loses_small_probabilities() -> None:
    scores = sigmoid(np.array([-1000, -50, 0, 1000], np.float32))
    assert scores == pytest.approx([0, np.exp(-50), 0.5, 1], rel=1e-9)
