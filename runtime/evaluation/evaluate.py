"""How good a model is: its task's own metrics on labelled data."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from convbert_onnx.runtime.evaluation.datasets import LabelledExample, read_labelled_data
from convbert_onnx.runtime.evaluation.entity_metrics import entity_counts, entity_scores
from convbert_onnx.runtime.evaluation.metrics import accuracy, bootstrap_interval, macro_f1, wilson_interval
from convbert_onnx.runtime.evaluation.predictions import mask_pieces, predict
from convbert_onnx.runtime.evaluation.squad_metrics import answer_f1, exact_match
from convbert_onnx.runtime.parameters import whole_number
from convbert_onnx.runtime.pipeline import ConvBertOnnxPipeline

__all__ = ["Evaluation", "Score", "evaluate", "labelled_examples", "score"]


@dataclass(frozen=True)
class Score:
    """Metrics of predictions, all between 0 and 1.

    Attributes:
        metrics: each metric by its name; the main one comes first.
        main: the name of the main metric.
        interval: the bounds that hold the main metric of the whole population with 95 % confidence.
        interval_method: "Wilson" for a proportion, "bootstrap" for what is no mean over examples or not of 0 and 1.
    """

    metrics: dict[str, float]
    main: str
    interval: tuple[float, float]
    interval_method: str


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
    progress: Callable[[str, int, int], None] = lambda step, done, total: None,
) -> Evaluation:
    """The metrics of a model on a file of labelled data.

    Args:
        model: an exported file, or a pipeline, whose defaults for parameters then hold.
        data: the file; :func:`read_labelled_data` says in which format for which task.
        limit: most examples, from the beginning of the file; by default all of them.
        batch_size: most rows in a batch; by default a batch is limited by its tokens.
        progress: told what comes, how many examples are done, and how many there are.

    Raises:
        FileMissingError: there is no such file.
        BundleError: the file is not a model that can run here.
        InputError: the data are not in the task's format, or do not fit the model; or a number makes no sense.
        RunError: the engine failed.
    """
    for name, value in (("limit", limit), ("batch_size", batch_size)):
        if value is not None:
            whole_number(name, value, 1)
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

    They are what a reader gives; for fill-mask, a word piece of each text is chosen to be masked.

    Args:
        pipe: a pipeline for the task.
        data: the file.
        limit: most examples; by default all of them.

    Raises:
        FileMissingError: there is no such file.
        InputError: the data are not in the task's format, or do not fit the model.
    """
    examples = read_labelled_data(data, pipe.task, pipe.config, limit)
    return mask_pieces(pipe, examples) if pipe.task == "fill-mask" else examples


def score(task: str, examples: Sequence[LabelledExample], predictions: Sequence[Any]) -> Score:
    """The task's metrics.

    Args:
        task: its name.
        examples: what was expected; at least one.
        predictions: what :func:`predict` gave for them.
    """
    return _SCORES.get(task, _proportion)([example.expected for example in examples], predictions)


def _proportion(expected: Sequence[Any], predicted: Sequence[Any]) -> Score:
    correct = sum(one == other for one, other in zip(expected, predicted, strict=True))
    interval = wilson_interval(correct, len(expected))
    return Score({"accuracy": accuracy(expected, predicted)}, "accuracy", interval, "Wilson")


def _labels(expected: Sequence[Any], predicted: Sequence[Any]) -> Score:
    result = _proportion(expected, predicted)
    return replace(result, metrics={**result.metrics, "macro_f1": macro_f1(expected, predicted)})


def _answers(expected: Sequence[Any], predicted: Sequence[Any]) -> Score:
    f1s = [answer_f1(found, right) for found, right in zip(predicted, expected, strict=True)]
    exact = [exact_match(found, right) for found, right in zip(predicted, expected, strict=True)]
    metrics = {"f1": _mean(f1s), "exact_match": _mean(exact)}
    answerable = [number for number, right in enumerate(expected) if right]
    if len(answerable) < len(expected):
        if answerable:
            metrics["has_answer_f1"] = _mean([f1s[number] for number in answerable])
            metrics["has_answer_exact"] = _mean([exact[number] for number in answerable])
        metrics["no_answer_exact"] = _mean([exact[number] for number, right in enumerate(expected) if not right])
    interval = bootstrap_interval([[value, 1] for value in f1s], lambda sums: float(sums[0] / sums[1]))
    return Score(metrics, "f1", interval, "bootstrap")


def _entities(expected: Sequence[Any], predicted: Sequence[Any]) -> Score:
    counts = entity_counts(expected, predicted)
    metrics = entity_scores(counts.sum(axis=0))
    words = [[tag for tags in sentences for tag in tags] for sentences in (expected, predicted)]
    metrics["word_accuracy"] = accuracy(*words)
    interval = bootstrap_interval(counts, lambda sums: entity_scores(sums)["f1"])
    return Score(metrics, "f1", interval, "bootstrap")


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


_SCORES: dict[str, Callable[[Sequence[Any], Sequence[Any]], Score]] = {
    "question-answering": _answers,
    "token-classification": _entities,
    "text-classification": _labels,
}
