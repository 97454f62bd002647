"""WordPiece: split a word into the longest pieces of the vocabulary, from left to right."""

from collections.abc import Mapping
from reprlib import repr as short

from convbert_onnx.errors import InputError

__all__ = ["WordPiece"]

MAX_CACHED_WORDS = 1 << 16
"""Words whose pieces are kept, because texts repeat words; a full cache is emptied."""

Pieces = list[tuple[int, int, int]]
"""Id, start and end of each piece of a word."""


class WordPiece:
    """Splits words into pieces of a vocabulary.

    Args:
        vocabulary: ids of the pieces; those that continue a word start with ``prefix``.
        unknown_id: id of a word that cannot be split into pieces; None rejects such words.
        prefix: the prefix of a piece that continues a word.
        max_word_chars: maximum characters in a word; longer words are unknown.
    """

    def __init__(
        self, vocabulary: Mapping[str, int], unknown_id: int | None, prefix: str = "##", max_word_chars: int = 100
    ) -> None:
        self._vocabulary = vocabulary
        self._unknown_id = unknown_id
        self._prefix = prefix
        self._max_word_chars = max_word_chars
        self._longest_piece = max(map(len, vocabulary), default=0)
        self._cache: dict[str, Pieces] = {}

    def __call__(self, word: str) -> Pieces:
        """The pieces of a word, or the whole word as one unknown piece.

        Raises:
            InputError: the word cannot be split, and ``unknown_id`` is None.
        """
        pieces = self._cache.get(word)
        if pieces is None:
            if len(self._cache) == MAX_CACHED_WORDS:
                self._cache.clear()
            self._cache[word] = pieces = self._split(word)
        return pieces

    def _split(self, word: str) -> Pieces:
        if len(word) > self._max_word_chars:
            return self._unknown_word(word)
        pieces: Pieces = []
        start = 0
        while start < len(word):
            piece = self._longest_from(word, start)
            if piece is None:
                return self._unknown_word(word)
            pieces.append(piece)
            start = piece[2]
        return pieces

    def _unknown_word(self, word: str) -> Pieces:
        if self._unknown_id is None:
            raise InputError(
                f"the vocabulary has no pieces for {short(word)}, and no token for unknown words: add such a token to "
                "it, or change the text"
            )
        return [(self._unknown_id, 0, len(word))]

    def _longest_from(self, word: str, start: int) -> tuple[int, int, int] | None:
        prefix = self._prefix if start else ""
        for end in range(min(len(word), start + self._longest_piece), start, -1):
            number = self._vocabulary.get(prefix + word[start:end])
            if number is not None:
                return number, start, end
        return None
