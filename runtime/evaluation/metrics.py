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
"""The normal distribution has 95 % of its mass within this many standard deviations."""


@dataclass(frozen=True)
class Score:
    """Metrics of predictions, all between 0 and 1.

    Attributes:
        metrics: each metric by its name; the main one comes first.
        main: the name of the main metric.
        interval: the bounds that hold the main metric of the whole population with 95 % confidence.
        interval_method: "Wilson" for a proportion, "bootstrap" for metrics that are not a mean of 0/1 outcomes.
    """

    metrics: dict[str, float]
    main: str
    interval: tuple[float, float]
    interval_method: str


def agreement(first: Sequence[object], second: Sequence[object]) -> float:
    """The part of examples for which two models predict the same.

    Args:
        first: a prediction for each example.
        second: those of the other model, in the same order; as many, at least one.
    """
    return sum(one == other for one, other in zip(first, second, strict=True)) / len(first)


accuracy = agreement
"""The part of predictions that are the label."""


def accuracy_score(expected: Sequence[object], predicted: Sequence[object]) -> Score:
    """The accuracy with its Wilson interval.

    Args:
        expected: the label of each example, at least one.
        predicted: what was predicted instead, in the same order.
    """
    correct = sum(one == other for one, other in zip(expected, predicted, strict=True))
    interval = wilson_interval(correct, len(expected))
    return Score({"accuracy": accuracy(expected, predicted)}, "accuracy", interval, "Wilson")


def f1(correct: float, predicted: float, expected: float) -> float:
    """The harmonic mean of precision and recall; 0 where nothing is correct.

    Args:
        correct: how many are both predicted and expected.
        predicted: how many are predicted.
        expected: how many are expected.
    """
    return 2 * correct / (predicted + expected) if correct else 0.0


def macro_f1(expected: Sequence[Hashable], predicted: Sequence[Hashable]) -> float:
    """The mean of every label's F1, as scikit-learn's ``f1_score(average="macro")`` defines it by default.

    Labels count that are expected or predicted at least once; those that are never right count as 0.

    Args:
        expected: the label of each example, at least one.
        predicted: what was predicted instead, in the same order.
    """
    pairs = list(zip(expected, predicted, strict=True))
    labels = {label for pair in pairs for label in pair}
    scores = []
    for label in labels:
        correct = sum(pair == (label, label) for pair in pairs)
        scores.append(f1(correct, sum(one == label for _, one in pairs), sum(one == label for one, _ in pairs)))
    return math.fsum(scores) / len(scores)


def wilson_interval(correct: int, total: int) -> tuple[float, float]:
    """The 95 % interval of a proportion by Wilson's score.

    Source: Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", 1927. Unlike the normal
    approximation it stays between 0 and 1, and has a width where everything or nothing is correct.

    Args:
        correct: how many are.
        total: of how many, at least one.
    """
    share = correct / total
    middle = share + _Z**2 / (2 * total)
    spread = _Z * math.sqrt(share * (1 - share) / total + _Z**2 / (4 * total**2))
    scale = 1 + _Z**2 / total
    # Rounding must not carry the bounds over the proportion itself where it is 0 or 1.
    return min(share, max(0.0, (middle - spread) / scale)), max(share, min(1.0, (middle + spread) / scale))


def bootstrap_interval(
    counts: ArrayLike, metric: Callable[[NDArray[np.float64]], float], resamples: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """The 95 % interval of a metric by drawing examples anew, with replacement.

    Source: the percentile bootstrap of Efron, "Bootstrap Methods: Another Look at the Jackknife", 1979.

    Args:
        counts: [examples, counts], what each example adds to the sums that the metric is made of.
        metric: from the sums [counts] to the metric.
        resamples: how often examples are drawn.
        seed: of the random numbers, so that the same predictions have the same interval.
    """
    table = np.asarray(counts, np.float64)
    random = np.random.default_rng(seed)
    drawn = [metric(table[random.integers(0, len(table), len(table))].sum(axis=0)) for _ in range(resamples)]
    low, high = np.percentile(drawn, (2.5, 97.5))
    return float(low), float(high)
