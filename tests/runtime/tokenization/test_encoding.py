from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from convbert_onnx.runtime.tokenization.encoding import Template, Tokens
from convbert_onnx.runtime.tokenization.windows import spans_with_overlap


def tokens(*ids: int) -> Tokens:
    places = np.arange(len(ids))
    return Tokens(np.array(ids), np.stack([places, places + 1], axis=1), places)


def test_spans_by_hand() -> None:
    assert list(spans_with_overlap(10, 4, 1)) == [slice(0, 4), slice(3, 7), slice(6, 10)]
    assert list(spans_with_overlap(9, 4, 1)) == [slice(0, 4), slice(3, 7), slice(6, 9)]
    assert list(spans_with_overlap(4, 4, 3)) == [slice(0, 4)]
    assert list(spans_with_overlap(0, 4, 1)) == [slice(0, 0)]


@given(st.integers(0, 300), st.integers(1, 50), st.data())
def test_spans_cover_everything_with_the_overlap_asked_for(length: int, size: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, size - 1))
    spans = list(spans_with_overlap(length, size, overlap))
    covered = [number for span in spans for number in range(span.start, span.stop)]
    assert set(covered) == set(range(length))
    assert all(one.stop - other.start == overlap for one, other in pairwise(spans))
    assert all(span.stop - span.start <= size for span in spans)


def test_a_pair_by_hand() -> None:
    special = (np.array([101]), np.array([102, 102]), np.array([102]))
    types = (np.array([0]), np.array([0, 0]), np.array([1]))
    row = Template(special, types, (0, 1)).row(tokens(7, 8), tokens(9))
    assert row.ids.tolist() == [101, 7, 8, 102, 102, 9, 102]
    assert row.type_ids.tolist() == [0, 0, 0, 0, 0, 1, 1]
    assert row.sequences.tolist() == [-1, 0, 0, -1, -1, 1, -1]
    assert row.words.tolist() == [-1, 0, 1, -1, -1, 0, -1]
    assert row.offsets.tolist() == [[0, 0], [0, 1], [1, 2], [0, 0], [0, 0], [0, 1], [0, 0]]
