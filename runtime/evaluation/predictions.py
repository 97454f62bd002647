"""Predictions for labelled examples, in a form that can be compared with labels and with other models."""

from collections.abc import Hashable, Sequence
from typing import Any

from convbert_onnx.errors import InputError
from convbert_onnx.progress import Progress, no_progress
from convbert_onnx.runtime.evaluation.base import LabelledExample, labelled_evaluation
from convbert_onnx.runtime.pipeline import ConvBertOnnxPipeline

__all__ = ["predict", "run_examples"]


def predict(
    pipe: ConvBertOnnxPipeline,
    examples: Sequence[LabelledExample],
    batch_size: int | None = None,
    progress: Progress = no_progress,
) -> list[Hashable]:
    """Predict each example, without scores: predictions are equal for two models that agree.

    Args:
        pipe: a pipeline for the examples' task.
        examples: from :func:`convbert_onnx.runtime.evaluation.evaluate.labelled_examples`.
        batch_size: maximum number of rows in a batch; by default a batch is limited by its tokens.
        progress: called before each chunk with the step, the number of completed examples, and their total.

    Returns:
        The prediction for each example, in the form that the module of the task describes, such as the name of a label.

    Raises:
        InputError: the pipeline refuses an example. The message names its place.
        RunError: onnxruntime failed.
    """
    evaluation = labelled_evaluation(pipe.task)
    predictions: list[Hashable] = []
    size = evaluation.chunk_size
    for start in range(0, len(examples), size):
        progress("evaluating", start, len(examples))
        predictions += evaluation.predict(pipe, examples[start : start + size], batch_size)
    progress("evaluating", len(examples), len(examples))
    return predictions


def run_examples(
    pipe: ConvBertOnnxPipeline, examples: Sequence[LabelledExample], batch_size: int | None, **parameters: Any
) -> list[Any]:
    """The pipeline's result for each example.

    Args:
        pipe: a pipeline for the examples' task.
        examples: the examples.
        batch_size: maximum number of rows in a batch; by default a batch is limited by its tokens.
        parameters: parameters of all calls.

    Raises:
        InputError: the pipeline refuses an example. The message names its place.
        RunError: onnxruntime failed.
    """
    results = pipe.run_many([{**example.call, **parameters} for example in examples], batch_size)
    for example, result in zip(examples, results, strict=True):
        if isinstance(result, InputError):
            raise InputError(f"{example.place}: {result}") from result
        if isinstance(result, Exception):
            raise result
    return results
