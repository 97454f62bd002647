import numpy as np
import pytest

from convbert_onnx.errors import InputError
from convbert_onnx.runtime.tokenization.batch_encoding import as_arrays, as_lists, pad, with_padded_length
from convbert_onnx.runtime.tokenization.encoding import Encoding, Template, Tokens

NONE = np.zeros(0, np.int64)


def row(*ids: int) -> Encoding:
    return Template((NONE, NONE), (NONE, NONE), (0,)).row(Tokens.from_ids(ids))


@pytest.mark.parametrize(
    ("padding", "max_length", "length"),
    [
        (False, 8, 0),
        ("do_not_pad", 8, 0),
        (True, 8, 3),
        ("longest", None, 3),
        ("max_length", 8, 8),
        ("max_length", None, 0),
    ],
)
def test_with_padded_length_follows_the_padding(padding: bool | str, max_length: int | None, length: int) -> None:
    rows = with_padded_length([row(5), row(5, 6, 7)], padding, max_length)
    assert [one.padded_length for one in rows] == [length, length]
    assert with_padded_length([], padding, max_length) == []


def test_pad_adds_the_filler_on_one_side() -> None:
    (padded,) = with_padded_length([row(5, 6)], "max_length", 4)
    assert pad(padded.ids, padded, 9, "right").tolist() == [5, 6, 9, 9]
    assert pad(padded.ids, padded, 9, "left").tolist() == [9, 9, 5, 6]
    assert pad(padded.offsets, padded, 0, "right").shape == (4, 2)
    assert pad(row(5, 6).ids, row(5, 6), 9, "right").tolist() == [5, 6]


def test_as_arrays_stacks_rows_and_refuses_different_lengths() -> None:
    arrays = as_arrays({"input_ids": [np.array([1, 2]), np.array([3, 4])]})
    assert arrays["input_ids"].tolist() == [[1, 2], [3, 4]]
    assert as_arrays({"input_ids": []})["input_ids"].shape == (0, 0)
    with pytest.raises(InputError, match="pass padding=True"):
        as_arrays({"input_ids": [np.array([1]), np.array([3, 4])]})


def test_as_lists_makes_tuples_of_offsets() -> None:
    columns = {"input_ids": [np.array([1])], "offset_mapping": [np.array([[0, 3]])]}
    assert as_lists(columns) == {"input_ids": [[1]], "offset_mapping": [[(0, 3)]]}
