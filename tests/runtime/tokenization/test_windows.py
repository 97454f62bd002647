from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convbert_onnx.errors import InputError
from convbert_onnx.runtime.tokenization.encoding import Tokens
from convbert_onnx.runtime.tokenization.windows import check_window_size, overlapping_parts, spans_with_overlap


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
    assert [part.ids.tolist() for part in overlapping_parts(text, 3, 1, "right")] == [[0, 1, 2], [2, 3, 4]]
    assert [part.ids.tolist() for part in overlapping_parts(text, 4, 1, "left")] == [[1, 2, 3, 4], [0, 1]]


def test_check_window_size_leaves_room_for_special_tokens_and_the_other_text() -> None:
    text, other = Tokens.from_ids(range(9)), Tokens.from_ids(range(4))
    assert check_window_size(text, 10, 7, 2, None) == 8
    assert check_window_size(text, 10, 2, 3, other) == 3
    assert check_window_size(text, 11, 50, 2, None) == 9  # one window, which repeats nothing


@pytest.mark.parametrize(("max_length", "stride"), [(2, 0), (10, 8), (10, 9)])
def test_check_window_size_refuses_windows_without_new_tokens(max_length: int, stride: int) -> None:
    with pytest.raises(InputError, match=f"2 special tokens leave {max_length - 2} of {max_length} tokens"):
        check_window_size(Tokens.from_ids(range(9)), max_length, stride, 2, None)


def test_check_window_size_blames_a_long_first_text() -> None:
    with pytest.raises(InputError, match=r"9 tokens of the first text and 3 special tokens leave 0 of 10 .*shorten"):
        check_window_size(Tokens.from_ids([5]), 10, 0, 3, Tokens.from_ids(range(9)))
