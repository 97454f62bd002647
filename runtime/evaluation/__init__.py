"""Metrics on labelled data."""

from convbert_onnx.runtime.evaluation.evaluate import Evaluation, evaluate, labelled_examples, score
from convbert_onnx.runtime.evaluation.metrics import Score

__all__ = ["Evaluation", "Score", "evaluate", "labelled_examples", "score"]
