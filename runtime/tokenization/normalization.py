"""BERT normalization and pre-tokenization, matching the `tokenizers` library."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np

from convbert_onnx.runtime.tokenization.encoding import IntArray

__all__ = ["WHITESPACE", "BertNormalizer", "words"]

WHITESPACE = frozenset(
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
_ASCII_PUNCTUATION = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
_CHINESE = (
    range(0x4E00, 0xA000),
    range(0x3400, 0x4DC0),
    range(0x20000, 0x2A6E0),
    range(0x2A700, 0x2B740),
    range(0x2B740, 0x2B820),
    range(0x2B920, 0x2CEB0),
    range(0xF900, 0xFB00),
    range(0x2F800, 0x2FA20),
)
# The library has the tables of Unicode 8; later versions give these characters another category.
_CATEGORIES_OF_UNICODE_8 = {
    "\u166d": "Po",
    "\u1734": "Mn",
    "\u1885": "Lo",
    "\u1886": "Lo",
    "\ua9bd": "Mc",
    "\U000111c9": "Po",
}
# Characters that are, or decompose into, marks that NFD reorders and that accent stripping keeps.
_MOVING_MARKS = re.compile(
    "[\u1715\u1b44\u1baa\u1bf2\u1bf3\u302e\u302f\ua953\ua9c0\U000111c0\U00011235\U0001134d\U000116b6"
    "\U0001d15e-\U0001d166\U0001d16d-\U0001d172\U0001d1bb-\U0001d1c0]"
)


class _Table(dict[str, str]):
    """The replacement of each character, computed at its first use."""

    def __init__(self, compute: Callable[[str], str]) -> None:
        self._compute = compute

    def __missing__(self, char: str) -> str:
        self[char] = result = self._compute(char)
        return result


class _Kinds(dict[int, str]):
    """Kind of each code point, for str.translate: "w" in a word, "p" punctuation, " " between words."""

    def __missing__(self, point: int) -> str:
        char = chr(point)
        kind = " " if char in WHITESPACE else "p" if _is_punctuation(char) else "w"
        self[point] = kind
        return kind


_KINDS = _Kinds()


def words(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each word; a punctuation mark is a separate word."""
    for match in re.finditer("w+|p", text.translate(_KINDS)):
        yield match.span()


@dataclass(frozen=True)
class BertNormalizer:
    """BERT's normalizer: clean up, space out Chinese characters, strip accents, lower-case.

    Attributes:
        clean_text: remove control characters, and replace each white-space character by a blank.
        handle_chinese_chars: put blanks around Chinese characters.
        strip_accents: decompose characters (NFD) and remove nonspacing marks (Mn).
        lowercase: lower-case each character separately.
    """

    clean_text: bool
    handle_chinese_chars: bool
    strip_accents: bool
    lowercase: bool
    _table: _Table = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_table", _Table(self._replace))

    def __call__(self, text: str) -> tuple[str, IntArray]:
        """Normalize a text.

        Returns:
            The normalized text, and for each of its [N] characters the index of the character in ``text`` that it comes
            from.
        """
        places = np.arange(len(text))
        if self.strip_accents and _MOVING_MARKS.search(text):
            text, places = self._decompose(text)
        pieces = [self._table[char] for char in text]
        return "".join(pieces), np.repeat(places, [len(piece) for piece in pieces])

    def _replace(self, char: str) -> str:
        if self.clean_text:
            char = _clean(char)
        chinese = self.handle_chinese_chars and char and any(ord(char) in block for block in _CHINESE)
        if self.strip_accents:
            char = "".join(part for part in unicodedata.normalize("NFD", char) if _category(part) != "Mn")
        if self.lowercase:
            # Separately, as the library does: str.lower() of a word treats a final sigma differently.
            char = "".join(part.lower() for part in char)
        return f" {char} " if chinese else char

    def _decompose(self, text: str) -> tuple[str, IntArray]:
        """The text in NFD, and the index of the original character that the library assigns to each of its characters.

        The library assigns them in the order after sorting: a decomposed part gets the index of the character before
        it.
        """
        kept = [place for place, char in enumerate(text) if not self.clean_text or _clean(char)]
        parts = [
            (part, number > 0)
            for place in kept
            for number, part in enumerate(unicodedata.normalize("NFD", text[place]))
        ]
        runs = groupby(parts, key=lambda part: unicodedata.combining(part[0]) > 0)
        in_order = [
            part
            for marks, run in runs
            for part in (sorted(run, key=lambda part: unicodedata.combining(part[0])) if marks else run)
        ]
        numbers = np.cumsum([not follows for _, follows in in_order]) - 1
        return "".join(part for part, _ in in_order), np.array(kept, np.int64)[numbers]


def _clean(char: str) -> str:
    if char in "\t\n\r":
        return " "
    if char == "\ufffd" or _category(char) in ("Cc", "Cf", "Co"):
        return ""
    return " " if char in WHITESPACE else char


def _category(char: str) -> str:
    return _CATEGORIES_OF_UNICODE_8.get(char) or unicodedata.category(char)


def _is_punctuation(char: str) -> bool:
    return char in _ASCII_PUNCTUATION or _category(char).startswith("P")
