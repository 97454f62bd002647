import pytest
from hypothesis import given
from hypothesis import strategies as st

from convbert_onnx.errors import InputError
from convbert_onnx.runtime.tokenization.encoding import Side, Tokens
from convbert_onnx.runtime.tokenization.truncation import truncate


def ids(rows: list[tuple[Tokens, ...]]) -> list[tuple[list[int], ...]]:
    return [tuple(text.ids.tolist() for text in row) for row in rows]


FIRST, SECOND = Tokens.from_ids([1, 2, 3, 4]), Tokens.from_ids([5, 6])


def test_texts_that_fit_stay_as_they_are() -> None:
    assert ids(truncate((FIRST, SECOND), 6, 0, "longest_first")) == [([1, 2, 3, 4], [5, 6])]


def test_one_text_becomes_rows_that_overlap() -> None:
    assert ids(truncate((FIRST,), 3, 1, "longest_first")) == [([1, 2, 3],), ([3, 4],)]
    assert ids(truncate((FIRST,), 3, 1, "only_first", "left")) == [([2, 3, 4],), ([1, 2],)]


def test_longest_first_shortens_the_longer_text_until_both_have_the_same_length() -> None:
    assert ids(truncate((FIRST, SECOND), 5, 0, "longest_first"))[0] == ([1, 2, 3], [5, 6])
    assert ids(truncate((FIRST, SECOND), 3, 0, "longest_first"))[0] == ([1, 2], [5])
    assert ids(truncate((SECOND, FIRST), 3, 0, "longest_first"))[0] == ([5], [1, 2])


def test_overflowing_rows_pair_each_later_part_with_the_other_text() -> None:
    rows = ids(truncate((FIRST, SECOND), 3, 0, "longest_first"))
    assert rows == [([1, 2], [5]), ([3, 4], [5]), ([3, 4], [6]), ([1, 2], [6])]


def test_only_one_text_is_shortened_on_request() -> None:
    assert ids(truncate((FIRST, SECOND), 4, 0, "only_first")) == [([1, 2], [5, 6]), ([3, 4], [5, 6])]
    assert ids(truncate((FIRST, SECOND), 5, 0, "only_second", "left"))[0] == ([1, 2, 3, 4], [6])


@pytest.mark.parametrize(
    ("texts", "room", "stride", "strategy", "message"),
    [
        ((FIRST,), -1, 0, "longest_first", "1 less than the special tokens alone"),
        ((FIRST,), 2, 0, "only_second", "there is no second text"),
        ((FIRST, SECOND), 3, 0, "only_second", "3 tokens are too many and the second text has only 2"),
        ((FIRST,), 2, 2, "longest_first", "stride is 2, but a row has only 2 tokens of a text"),
    ],
)
def test_a_text_that_cannot_be_cut_is_refused(
    texts: tuple[Tokens, ...], room: int, stride: int, strategy: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        truncate(texts, room, stride, strategy)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(2, 40), st.sampled_from(["left", "right"]))
def test_longest_first_fills_the_row_and_loses_no_token(first: int, second: int, room: int, side: Side) -> None:
    texts = (Tokens.from_ids(range(first)), Tokens.from_ids(range(100, 100 + second)))
    rows = ids(truncate(texts, room, 0, "longest_first", side))
    assert sum(map(len, rows[0])) == min(room, first + second)
    for index, text in enumerate(texts):
        assert {number for row in rows for number in row[index]} == set(text.ids.tolist())
