"""WordPiece: a word as the longest pieces that the vocabulary has, from left to right."""

from collections.abc import Mapping
from reprlib import repr as short

from convbert_onnx.errors import InputError

__all__ = ["WordPiece"]

_CACHED = 1 << 16
"""Words whose pieces are remembered; text repeats its words."""

Pieces = list[tuple[int, int, int]]
"""Id, start and end of each piece of a word."""


class WordPiece:
    """Splits words into pieces.

    Args:
        vocabulary: ids of the pieces; those inside a word start with ``prefix``.
        unknown: id of a word that cannot be put together; None where there is none, and such words are refused.
        prefix: what marks a piece that does not start a word.
        longest_word: characters beyond which a word is unknown.
    """

    def __init__(
        self, vocabulary: Mapping[str, int], unknown: int | None, prefix: str = "##", longest_word: int = 100
    ) -> None:
        self._vocabulary = vocabulary
        self._unknown = unknown
        self._prefix = prefix
        self._longest_word = longest_word
        self._longest_piece = max(map(len, vocabulary), default=0)
        self._cache: dict[str, Pieces] = {}

    def __call__(self, word: str) -> Pieces:
        """The pieces of a word, or the word as one unknown piece.

        Raises:
            InputError: there is no unknown piece.
        """
        pieces = self._cache.get(word)
        if pieces is None:
            if len(self._cache) == _CACHED:
                self._cache.clear()
            self._cache[word] = pieces = self._split(word)
        return pieces

    def _split(self, word: str) -> Pieces:
        if len(word) > self._longest_word:
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
        if self._unknown is None:
            raise InputError(
                f"the vocabulary has no pieces for {short(word)}, and no token for unknown words: add one to it, or "
                "change the text"
            )
        return [(self._unknown, 0, len(word))]

    def _longest_from(self, word: str, start: int) -> tuple[int, int, int] | None:
        prefix = self._prefix if start else ""
        for end in range(min(len(word), start + self._longest_piece), start, -1):
            number = self._vocabulary.get(prefix + word[start:end])
            if number is not None:
                return number, start, end
        return None
