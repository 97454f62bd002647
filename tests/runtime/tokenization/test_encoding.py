from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convbert_onnx.runtime.tokenization.encoding import Template, Tokens, spans_with_overlap

TEMPLATE = Template(
    special_ids=(np.array([101]), np.array([102, 102]), np.array([102])),
    special_types=(np.array([0]), np.array([0, 0]), np.array([1])),
    text_types=(0, 1),
)


def tokens(*ids: int) -> Tokens:
    places = np.arange(len(ids))
    return Tokens(np.array(ids), np.stack([places, places + 1], axis=1), places)


def test_template_row_of_a_pair() -> None:
    row = TEMPLATE.row(tokens(7, 8), tokens(9))
    assert row.ids.tolist() == [101, 7, 8, 102, 102, 9, 102]
    assert row.type_ids.tolist() == [0, 0, 0, 0, 0, 1, 1]
    assert row.sequences.tolist() == [-1, 0, 0, -1, -1, 1, -1]
    assert row.words.tolist() == [-1, 0, 1, -1, -1, 0, -1]
    assert row.offsets.tolist() == [[0, 0], [0, 1], [1, 2], [0, 0], [0, 0], [0, 1], [0, 0]]


def test_template_counts_and_lists_its_special_tokens() -> None:
    assert len(TEMPLATE) == 4
    assert TEMPLATE.ids() == [101, 102, 102, 102]


def test_template_without_special_tokens_keeps_the_types_of_texts() -> None:
    row = TEMPLATE.without_special_tokens().row(tokens(7, 8), tokens(9))
    assert row.ids.tolist() == [7, 8, 9]
    assert row.type_ids.tolist() == [0, 0, 1]


def test_template_refuses_another_number_of_texts() -> None:
    with pytest.raises(ValueError, match="longer"):
        TEMPLATE.row(tokens(7))


def test_a_slice_of_tokens_keeps_their_offsets_and_words() -> None:
    part = tokens(7, 8, 9)[1:]
    assert (part.ids.tolist(), part.offsets.tolist(), part.words.tolist()) == ([8, 9], [[1, 2], [2, 3]], [1, 2])


def test_tokens_from_ids_have_no_offsets_and_no_words() -> None:
    of_ids = Tokens.from_ids([5, 6])
    assert (of_ids.ids.tolist(), of_ids.offsets.tolist(), of_ids.words.tolist()) == ([5, 6], [[0, 0]] * 2, [-1, -1])
    assert len(Tokens.from_ids([])) == 0


def test_spans_with_overlap_by_hand() -> None:
    assert list(spans_with_overlap(10, 4, 1)) == [slice(0, 4), slice(3, 7), slice(6, 10)]
    assert list(spans_with_overlap(9, 4, 1)) == [slice(0, 4), slice(3, 7), slice(6, 9)]
    assert list(spans_with_overlap(4, 4, 3)) == [slice(0, 4)]
    assert list(spans_with_overlap(0, 4, 1)) == [slice(0, 0)]
    assert list(spans_with_overlap(9, 4, 1, from_end=True)) == [slice(5, 9), slice(2, 6), slice(0, 3)]


@given(st.integers(0, 300), st.integers(1, 50), st.data())
def test_spans_cover_every_item_with_the_requested_overlap(length: int, size: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, size - 1))
    spans = list(spans_with_overlap(length, size, overlap))
    covered = [number for span in spans for number in range(span.start, span.stop)]
    assert set(covered) == set(range(length))
    assert all(one.stop - other.start == overlap for one, other in pairwise(spans))
    assert all(span.stop - span.start <= size for span in spans)


def test_overlapping_parts_start_with_the_side_that_is_kept() -> None:
    text = Tokens.from_ids(range(5))
    assert [part.ids.tolist() for part in text.overlapping_parts(3, 1, "right")] == [[0, 1, 2], [2, 3, 4]]
    assert [part.ids.tolist() for part in text.overlapping_parts(4, 1, "left")] == [[1, 2, 3, 4], [0, 1]]
