"""Metrics beside the libraries that define them, and beside examples worked by hand."""

import math
import string
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convbert_onnx.runtime.evaluation.entity_metrics import entities, entity_counts, entity_scores
from convbert_onnx.runtime.evaluation.metrics import agreement, bootstrap_interval, f1, macro_f1, wilson_interval
from convbert_onnx.runtime.evaluation.squad_metrics import answer_f1, exact_match, normalized_answer

TAGS = ["O", *(f"{prefix}-{kind}" for prefix in "BIES" for kind in ("PER", "LOC", "X-Y"))]
TEXT = st.text(st.sampled_from("aAnthe .,'x-\t"), max_size=20)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The  Amazon's dust.", "amazons dust"),
        ("An apple, a pear", "apple pear"),
        ("theatre another", "theatre another"),
        ("U.S. dollars", "us dollars"),
        ("a-b", "ab"),  # punctuation goes first, so that this "a" is no article
        ("«the» end", "« » end"),  # only ASCII punctuation goes
        ("the", ""),
    ],
)
def test_answers_are_normalized(text: str, expected: str) -> None:
    assert normalized_answer(text) == expected


@pytest.mark.parametrize(
    ("answer", "expected", "exact", "score"),
    [
        ("The Sahara.", ["Sahara"], 1.0, 1.0),
        ("Sahara", ["dust", "the sahara"], 1.0, 1.0),
        # 2 words in common, of 3 that were found and 2 that are expected: precision 2/3, recall 1.
        ("dry Sahara desert", ["Sahara desert"], 0.0, 0.8),
        # The same word twice counts twice: 1 in common, of 2 and 1.
        ("dust dust", ["dust"], 0.0, 2 / 3),
        ("dust", ["rain"], 0.0, 0.0),
        # The best of all answers, not the mean.
        ("rain", ["dust", "heavy rain"], 0.0, 2 / 3),
        ("", [], 1.0, 1.0),
        ("the", [], 1.0, 1.0),
        ("dust", [], 0.0, 0.0),
        ("", ["dust"], 0.0, 0.0),
        # Answers that normalize to nothing count only where there is no other.
        ("", ["the", "dust"], 0.0, 0.0),
        ("a", ["the"], 1.0, 1.0),
    ],
)
def test_answers_are_scored_as_by_hand(answer: str, expected: list[str], exact: float, score: float) -> None:
    assert exact_match(answer, expected) == exact
    assert answer_f1(answer, expected) == pytest.approx(score)


@given(TEXT, st.lists(TEXT, max_size=3))
def test_an_exact_match_is_an_f1_of_one_and_more_answers_never_harm(answer: str, expected: list[str]) -> None:
    score = answer_f1(answer, expected)
    assert 0 <= score <= 1
    if exact_match(answer, expected):
        assert score == 1
    if any(map(normalized_answer, expected)):
        assert answer_f1(answer, [*expected, "x"]) >= score
    assert exact_match(answer, [answer]) == 1


@given(TEXT)
def test_normalizing_leaves_no_upper_case_and_no_punctuation(text: str) -> None:
    normal = normalized_answer(text)
    assert not set(normal) & {*string.ascii_uppercase, *string.punctuation, "\t"}
    assert not {"a", "an", "the"} & set(normal.split())


def test_entities_are_read_as_by_hand() -> None:
    tags = ["I-PER", "I-PER", "O", "B-LOC", "B-LOC", "I-PER", "E-PER", "I-PER", "S-PER"]
    places = [("PER", 0, 1), ("LOC", 3, 3), ("LOC", 4, 4), ("PER", 5, 6), ("PER", 7, 7), ("PER", 8, 8)]
    assert entities(tags) == places
    assert entities([]) == []


@settings(deadline=None)  # the first example imports a large library
@given(st.lists(st.lists(st.tuples(st.sampled_from(TAGS), st.sampled_from(TAGS)), min_size=1), min_size=1, max_size=5))
def test_entities_and_their_scores_are_those_of_seqeval(sentences: list[list[tuple[str, str]]]) -> None:
    labeling = pytest.importorskip("seqeval.metrics.sequence_labeling")
    metrics = pytest.importorskip("seqeval.metrics")
    expected, predicted = ([[pair[side] for pair in sentence] for sentence in sentences] for side in (0, 1))
    for tags in expected:
        assert entities(tags) == labeling.get_entities(tags)
    scores = entity_scores(entity_counts(expected, predicted).sum(axis=0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # seqeval warns where it divides by 0
        theirs = [
            function(expected, predicted)
            for function in (metrics.f1_score, metrics.precision_score, metrics.recall_score)
        ]
    assert list(scores.values()) == pytest.approx(theirs, abs=1e-12)


@settings(deadline=None)  # the first example imports a large library
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1))
def test_macro_f1_is_that_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    expected, predicted = zip(*pairs, strict=True)
    theirs = metrics.f1_score(expected, predicted, average="macro", zero_division=0)
    assert macro_f1(expected, predicted) == pytest.approx(theirs, abs=1e-12)
    assert agreement(expected, predicted) == pytest.approx(metrics.accuracy_score(expected, predicted))


def test_macro_f1_by_hand() -> None:
    # a: 1 right, 1 predicted, 2 expected, 2/3; b: 1 right, 2 predicted, 1 expected, 2/3; c: predicted once, never right
    assert macro_f1(["a", "a", "b", "b"], ["a", "b", "b", "c"]) == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)


def test_agreement_counts_equal_predictions() -> None:
    assert agreement([("O", "B-PER"), ("O",)], [("O", "B-PER"), ("I-PER",)]) == 0.5
    assert f1(0, 0, 0) == 0


def test_wilson_interval_by_hand() -> None:
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


def test_a_bootstrap_holds_the_mean_and_narrows_with_more_examples() -> None:
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
