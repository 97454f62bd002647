"""Metrics that tasks share, compared with scikit-learn and with values computed by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convbert_onnx.runtime.evaluation.metrics import agreement, bootstrap_interval, f1, macro_f1, wilson_interval


@settings(deadline=None)  # the first example imports a large library
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1))
def test_macro_f1_equals_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    expected, predicted = zip(*pairs, strict=True)
    theirs = metrics.f1_score(expected, predicted, average="macro", zero_division=0)
    assert macro_f1(expected, predicted) == pytest.approx(theirs, abs=1e-12)
    assert agreement(expected, predicted) == pytest.approx(metrics.accuracy_score(expected, predicted))


def test_macro_f1_matches_a_value_computed_by_hand() -> None:
    # a: 1 right, 1 predicted, 2 expected, 2/3; b: 1 right, 2 predicted, 1 expected, 2/3; c: predicted once, never right
    assert macro_f1(["a", "a", "b", "b"], ["a", "b", "b", "c"]) == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)


def test_agreement_counts_equal_predictions() -> None:
    assert agreement([("O", "B-PER"), ("O",)], [("O", "B-PER"), ("I-PER",)]) == 0.5
    assert f1(0, 0, 0) == 0


def test_wilson_interval_matches_published_values() -> None:
    # The published example of 8 in 10; and z^2 / (n + z^2) where nothing is right.
    assert wilson_interval(8, 10) == pytest.approx((0.490162, 0.943318), abs=1e-6)
    assert wilson_interval(0, 20) == pytest.approx((0, 1.959964**2 / (20 + 1.959964**2)), abs=1e-6)
    assert wilson_interval(20, 20)[1] == 1


@given(st.integers(1, 500).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_wilson_interval_solves_its_equation(case: tuple[int, int]) -> None:
    correct, total = case
    share = correct / total
    for bound in wilson_interval(correct, total):
        distance = abs(share - bound)
        assert math.isclose(distance, 1.959963984540054 * math.sqrt(bound * (1 - bound) / total), abs_tol=1e-7)


def test_bootstrap_interval_contains_the_mean_and_narrows_with_more_examples() -> None:
    values = np.random.default_rng(1).random(400)
    widths = []
    for count in (100, 400):
        low, high = bootstrap_interval(np.stack([values[:count], np.ones(count)], axis=1), lambda s: float(s[0] / s[1]))
        assert low < values[:count].mean() < high
        widths.append(high - low)
        # Close to what the normal approximation of a mean says.
        assert high - low == pytest.approx(2 * 1.96 * values[:count].std() / math.sqrt(count), rel=0.15)
    assert widths[1] < widths[0]
    counts = np.stack([values, np.ones(400)], axis=1)
    once, again, other = (
        bootstrap_interval(counts, lambda s: float(s[0] / s[1]), resamples=50, seed=seed) for seed in (0, 0, 1)
    )
    assert once == again != other
