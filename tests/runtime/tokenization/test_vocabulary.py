from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convbert_onnx.errors import BundleError
from convbert_onnx.runtime.tokenization.vocabulary import read_vocabulary, vocabulary_text


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "vocab.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_ids_are_line_numbers(tmp_path: Path) -> None:
    assert read_vocabulary(written(tmp_path, "a\nb\n")) == {"a": 0, "b": 1}
    assert read_vocabulary(written(tmp_path, "a\n\nb")) == {"a": 0, "": 1, "b": 2}
    assert read_vocabulary(written(tmp_path, "")) == {}


def test_a_repeated_token_has_the_id_of_its_last_line(tmp_path: Path) -> None:
    assert read_vocabulary(written(tmp_path, "a\nb\na\n")) == {"a": 2, "b": 1}


def test_other_line_separators_can_be_tokens(tmp_path: Path) -> None:
    assert read_vocabulary(written(tmp_path, "a\n\u2028\n\x85\nlast\n")) == {"a": 0, "\u2028": 1, "\x85": 2, "last": 3}


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_bytes(b"\xff\n")
    with pytest.raises(BundleError, match="not UTF-8"):
        read_vocabulary(tmp_path / "vocab.txt")


@given(st.dictionaries(st.text("abé#", min_size=1), st.integers(0, 20)))
def test_vocabulary_text_is_read_back_with_gaps_between_ids(
    tmp_path_factory: pytest.TempPathFactory, vocabulary: dict[str, int]
) -> None:
    unique = {token: number for number, token in {number: token for token, number in vocabulary.items()}.items()}
    assert read_vocabulary(written(tmp_path_factory.mktemp("v"), vocabulary_text(unique))) == unique
