import numpy as np
import pytest

from convbert_onnx.runtime.tokenization.encoding import Template, Tokens

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
