import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from convbert_onnx.runtime.batching import TOKEN_BUDGET, batches, collate
from convbert_onnx.runtime.tokenization.encoding import Encoding


def row(length: int, padded_length: int = 0) -> Encoding:
    numbers = np.arange(1, length + 1)
    return Encoding(numbers, np.ones_like(numbers), numbers, np.stack([numbers, numbers], 1), numbers, padded_length)


lengths = st.lists(st.integers(1, 512), max_size=60)


@given(lengths, st.none() | st.integers(1, 8), st.booleans())
def test_batches_contain_each_row_once_within_the_limits(sizes: list[int], max_rows: int | None, equal: bool) -> None:
    groups = list(batches([row(size) for size in sizes], max_rows=max_rows, equal_lengths=equal))
    assert sorted(number for group in groups for number in group) == list(range(len(sizes)))
    for group in groups:
        own = [sizes[number] for number in group]
        assert len(group) == 1 or len(group) * max(own) <= TOKEN_BUDGET
        assert max_rows is None or len(group) <= max_rows
        assert not equal or len(set(own)) == 1


def test_batches_group_similar_lengths() -> None:
    groups = list(batches([row(10), row(400), row(11), row(401)], max_rows=2))
    assert groups == [[3, 1], [2, 0]]


def test_collate_pads_on_the_right() -> None:
    inputs = collate([row(3), row(1)], pad_token_id=9)
    assert inputs["input_ids"].tolist() == [[1, 2, 3], [1, 9, 9]]
    assert inputs["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert inputs["token_type_ids"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert all(array.dtype == np.int64 for array in inputs.values())


def test_collate_respects_padded_length() -> None:
    assert collate([row(2, padded_length=4)], 0)["attention_mask"].tolist() == [[1, 1, 0, 0]]
    assert list(batches([row(2, 4), row(4), row(2)], equal_lengths=True)) == [[0, 1], [2]]
