import pytest

from convbert_onnx.errors import InputError
from convbert_onnx.runtime.tokenization import wordpiece
from convbert_onnx.runtime.tokenization.wordpiece import WordPiece

VOCABULARY = {"[UNK]": 0, "un": 1, "##aff": 2, "##able": 3, "una": 4, "##a": 5, "##ff": 6, "a": 7}


def test_pieces_are_the_longest_from_left_to_right() -> None:
    pieces = WordPiece(VOCABULARY, 0)
    assert pieces("unaffable") == [(4, 0, 3), (6, 3, 5), (3, 5, 9)]
    assert pieces("a") == [(7, 0, 1)]


def test_a_word_without_pieces_is_unknown_as_a_whole() -> None:
    pieces = WordPiece(VOCABULARY, 0)
    assert pieces("unx") == [(0, 0, 3)]
    assert pieces("able") == [(0, 0, 4)]  # its piece only continues a word


def test_a_word_beyond_the_maximum_length_is_unknown() -> None:
    pieces = WordPiece(VOCABULARY, 0, max_word_chars=3)
    assert pieces("una") == [(4, 0, 3)]
    assert pieces("unaa") == [(0, 0, 4)]


def test_another_prefix_marks_continuing_pieces() -> None:
    assert WordPiece({"a": 0, "_b": 1}, None, prefix="_")("ab") == [(0, 0, 1), (1, 1, 2)]


def test_an_unknown_word_without_unknown_token_is_refused() -> None:
    with pytest.raises(InputError, match="no pieces for 'x', and no token for unknown words"):
        WordPiece(VOCABULARY, None)("x")


def test_the_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wordpiece, "MAX_CACHED_WORDS", 2)
    pieces = WordPiece(VOCABULARY, 0)
    for word in ("a", "un", "una", "a"):
        pieces(word)
        assert len(pieces._cache) <= 2
    assert pieces("a") == [(7, 0, 1)]
