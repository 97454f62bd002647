"""Evaluate a model: its task's own metrics on labelled data."""

import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path

from convbert_onnx.progress import Progress, no_progress
from convbert_onnx.runtime.evaluation.base import LabelledExample, labelled_evaluation
from convbert_onnx.runtime.evaluation.datasets import read_labelled_data
from convbert_onnx.runtime.evaluation.metrics import Score
from convbert_onnx.runtime.evaluation.predictions import predict
from convbert_onnx.runtime.parameters import check_whole_number
from convbert_onnx.runtime.pipeline import ConvBertOnnxPipeline

__all__ = ["Evaluation", "evaluate", "labelled_examples", "score"]


@dataclass(frozen=True)
class Evaluation(Score):
    """The metrics of a model on a file of labelled data.

    Attributes:
        task: the task.
        file: the ONNX file.
        data: the file of labelled data.
        examples: number of examples: questions, sentences or texts.
        seconds: time from the first example to the last prediction.
    """

    task: str
    file: str
    data: str
    examples: int
    seconds: float


def evaluate(
    model: str | Path | ConvBertOnnxPipeline,
    data: str | Path,
    *,
    limit: int | None = None,
    batch_size: int | None = None,
    progress: Progress = no_progress,
) -> Evaluation:
    """Compute the metrics of a model on a file of labelled data.

    Args:
        model: an exported file, or a pipeline, whose default parameters then apply.
        data: the file, in the format that the module of the task in this package describes.
        limit: maximum number of examples, from the beginning of the file; by default all.
        batch_size: maximum number of rows in a batch; by default a batch is limited by its tokens.
        progress: called with the step, the number of completed examples, and their total.

    Raises:
        FileMissingError: there is no such file.
        BundleError: the file is not a model that can run here.
        InputError: the data are not in the task's format, or do not fit the model; or a number is too small.
        RunError: onnxruntime failed.
    """
    for name, value in (("limit", limit), ("batch_size", batch_size)):
        if value is not None:
            check_whole_number(name, value, 1)
    pipe = model if isinstance(model, ConvBertOnnxPipeline) else ConvBertOnnxPipeline(model)
    examples = labelled_examples(pipe, data, limit)
    begin = time.perf_counter()
    predictions = predict(pipe, examples, batch_size, progress)
    seconds = time.perf_counter() - begin
    result = score(pipe.task, examples, predictions)
    return Evaluation(
        **vars(result),
        task=pipe.task,
        file=pipe.info["file"],
        data=str(data),
        examples=len(examples),
        seconds=seconds,
    )


def labelled_examples(pipe: ConvBertOnnxPipeline, data: str | Path, limit: int | None = None) -> list[LabelledExample]:
    """Read the examples of a file and prepare them for the model.

    For fill-mask, a word piece of each text is chosen to be masked.

    Args:
        pipe: a pipeline for the task.
        data: the file.
        limit: maximum number of examples; by default all.

    Raises:
        FileMissingError: there is no such file.
        InputError: the data are not in the task's format, or do not fit the model.
    """
    examples = read_labelled_data(data, pipe.task, pipe.config, limit)
    return labelled_evaluation(pipe.task).prepare(pipe, examples)


def score(task: str, examples: Sequence[LabelledExample], predictions: Sequence[Hashable]) -> Score:
    """Compute a task's metrics.

    Args:
        task: the task's name.
        examples: at least one example.
        predictions: the prediction for each example, from :func:`predict`.
    """
    return labelled_evaluation(task).score([example.expected for example in examples], predictions)
