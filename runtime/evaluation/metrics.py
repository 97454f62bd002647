"""Metrics that tasks share, with confidence intervals. All metrics are between 0 and 1."""

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Score",
    "accuracy",
    "accuracy_score",
    "agreement",
    "bootstrap_interval",
    "f1",
    "macro_f1",
    "wilson_interval",
]

_Z = 1.959963984540054
"""95 % of the mass of the normal distribution is within this number of standard deviations."""


@dataclass(frozen=True)
class Score:
    """Metrics of predictions, all between 0 and 1.

    Attributes:
        metrics: each metric by its name, the main metric first.
        main: the name of the main metric.
        interval: the 95 % confidence interval of the main metric.
        interval_method: "Wilson" for a proportion, "bootstrap" for metrics that are not a mean of 0/1 outcomes.
    """

    metrics: dict[str, float]
    main: str
    interval: tuple[float, float]
    interval_method: str


def agreement(first: Sequence[object], second: Sequence[object]) -> float:
    """The fraction of examples for which two models predict the same.

    Args:
        first: the predictions of one model, at least one.
        second: the predictions of the other model for the same examples, in the same order.
    """
    return sum(one == other for one, other in zip(first, second, strict=True)) / len(first)


accuracy = agreement
"""The fraction of predictions that equal the label."""


def accuracy_score(expected: Sequence[object], predicted: Sequence[object]) -> Score:
    """The accuracy with its Wilson interval.

    Args:
        expected: the label of each example, at least one.
        predicted: the prediction for each example, in the same order.
    """
    correct = sum(one == other for one, other in zip(expected, predicted, strict=True))
    interval = wilson_interval(correct, len(expected))
    return Score({"accuracy": accuracy(expected, predicted)}, "accuracy", interval, "Wilson")


def f1(correct: float, predicted: float, expected: float) -> float:
    """The harmonic mean of precision and recall; 0 if nothing is correct.

    Args:
        correct: the number that are both predicted and expected.
        predicted: the number that are predicted.
        expected: the number that are expected.
    """
    return 2 * correct / (predicted + expected) if correct else 0.0


def macro_f1(expected: Sequence[Hashable], predicted: Sequence[Hashable]) -> float:
    """The mean of the labels' F1, as defined by scikit-learn's ``f1_score(average="macro")``.

    Labels that are expected or predicted at least once count; labels that are never right count as 0.

    Args:
        expected: the label of each example, at least one.
        predicted: the prediction for each example, in the same order.
    """
    pairs = list(zip(expected, predicted, strict=True))
    labels = {label for pair in pairs for label in pair}
    scores = []
    for label in labels:
        correct = sum(pair == (label, label) for pair in pairs)
        scores.append(f1(correct, sum(one == label for _, one in pairs), sum(one == label for one, _ in pairs)))
    return math.fsum(scores) / len(scores)


def wilson_interval(correct: int, total: int) -> tuple[float, float]:
    """The 95 % confidence interval of a proportion: Wilson's score interval.

    Source: Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", 1927. Unlike the normal
    approximation it stays between 0 and 1, and is not empty if everything or nothing is correct.

    Args:
        correct: the number of correct predictions.
        total: the number of predictions, at least one.
    """
    share = correct / total
    middle = share + _Z**2 / (2 * total)
    spread = _Z * math.sqrt(share * (1 - share) / total + _Z**2 / (4 * total**2))
    scale = 1 + _Z**2 / total
    # Rounding must not move a bound past the proportion itself if it is 0 or 1.
    return min(share, max(0.0, (middle - spread) / scale)), max(share, min(1.0, (middle + spread) / scale))


def bootstrap_interval(
    counts: ArrayLike, metric: Callable[[NDArray[np.float64]], float], resamples: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """The 95 % confidence interval of a metric from resampled examples.

    Source: the percentile bootstrap of Efron, "Bootstrap Methods: Another Look at the Jackknife", 1979.

    Args:
        counts: [examples, counts], each example's contribution to the sums that the metric is computed from.
        metric: computes the metric from the sums [counts].
        resamples: the number of resamples.
        seed: seed of the random numbers; the same predictions give the same interval.
    """
    table = np.asarray(counts, np.float64)
    random = np.random.default_rng(seed)
    metrics = [metric(table[random.integers(0, len(table), len(table))].sum(axis=0)) for _ in range(resamples)]
    low, high = np.percentile(metrics, (2.5, 97.5))
    return float(low), float(high)
