"""SQuAD's metrics on examples computed by hand."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convbert_onnx.runtime.evaluation.squad_metrics import answer_f1, exact_match, normalized_answer

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
def test_normalized_answer(text: str, expected: str) -> None:
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
def test_answer_metrics_match_values_computed_by_hand(
    answer: str, expected: list[str], exact: float, score: float
) -> None:
    assert exact_match(answer, expected) == exact
    assert answer_f1(answer, expected) == pytest.approx(score)


@given(TEXT, st.lists(TEXT, max_size=3))
def test_exact_match_implies_full_f1_and_more_answers_never_lower_it(answer: str, expected: list[str]) -> None:
    score = answer_f1(answer, expected)
    assert 0 <= score <= 1
    if exact_match(answer, expected):
        assert score == 1
    if any(map(normalized_answer, expected)):
        assert answer_f1(answer, [*expected, "x"]) >= score
    assert exact_match(answer, [answer]) == 1


@given(TEXT)
def test_normalized_answer_has_no_upper_case_punctuation_or_article(text: str) -> None:
    normal = normalized_answer(text)
    assert not set(normal) & {*string.ascii_uppercase, *string.punctuation, "\t"}
    assert not {"a", "an", "the"} & set(normal.split())
