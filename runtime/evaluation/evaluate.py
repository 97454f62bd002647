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
    """A model's score on a file of labelled data.

    Attributes:
        task: what the model is for.
        file: the ONNX file.
        data: the file of labelled data.
        examples: how many were taken from it: questions, sentences or texts.
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
    """The metrics of a model on a file of labelled data.

    Args:
        model: an exported file, or a pipeline, whose defaults for parameters then hold.
        data: the file; :func:`read_labelled_data` says in which format for which task.
        limit: most examples, from the beginning of the file; by default all of them.
        batch_size: most rows in a batch; by default a batch is limited by its tokens.
        progress: called with the step, the examples that are done, and their total.

    Raises:
        FileMissingError: there is no such file.
        BundleError: the file is not a model that can run here.
        InputError: the data are not in the task's format, or do not fit the model; or a number makes no sense.
        RunError: the engine failed.
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
    """The examples of a file, ready to be predicted and scored.

    They are what the task's reader gives; for fill-mask, a word piece of each text is chosen to be masked.

    Args:
        pipe: a pipeline for the task.
        data: the file.
        limit: most examples; by default all of them.

    Raises:
        FileMissingError: there is no such file.
        InputError: the data are not in the task's format, or do not fit the model.
    """
    examples = read_labelled_data(data, pipe.task, pipe.config, limit)
    return labelled_evaluation(pipe.task).prepare(pipe, examples)


def score(task: str, examples: Sequence[LabelledExample], predictions: Sequence[Hashable]) -> Score:
    """The task's metrics.

    Args:
        task: its name.
        examples: what was expected; at least one.
        predictions: what :func:`predict` gave for them.
    """
    return labelled_evaluation(task).score([example.expected for example in examples], predictions)
