"""Metrics of entities, compared with seqeval and with an example read by hand."""

import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convbert_onnx.runtime.evaluation.entity_metrics import entities, entity_counts, entity_scores

TAGS = ["O", *(f"{prefix}-{kind}" for prefix in "BIES" for kind in ("PER", "LOC", "X-Y"))]


def test_entities_match_an_example_read_by_hand() -> None:
    tags = ["I-PER", "I-PER", "O", "B-LOC", "B-LOC", "I-PER", "E-PER", "I-PER", "S-PER"]
    places = [("PER", 0, 1), ("LOC", 3, 3), ("LOC", 4, 4), ("PER", 5, 6), ("PER", 7, 7), ("PER", 8, 8)]
    assert entities(tags) == places
    assert entities([]) == []


@settings(deadline=None)  # the first example imports a large library
@given(st.lists(st.lists(st.tuples(st.sampled_from(TAGS), st.sampled_from(TAGS)), min_size=1), min_size=1, max_size=5))
def test_entities_and_scores_equal_seqeval(sentences: list[list[tuple[str, str]]]) -> None:
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
