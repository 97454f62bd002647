"""Tokens of one text, and the model's input rows built from them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Encoding", "IntArray", "Side", "Template", "Tokens", "spans_with_overlap"]

IntArray = NDArray[np.int64]

Side = Literal["left", "right"]
"""The end of a row or text that is padded or truncated."""


@dataclass(frozen=True)
class Tokens:
    """The tokens of one text, without special tokens.

    Attributes:
        ids: [N], token ids.
        offsets: [N, 2], start and end of each token in the text, in characters.
        words: [N], index of the word that each token is part of; -1 if it is not known.
    """

    ids: IntArray
    offsets: IntArray
    words: IntArray

    @classmethod
    def from_ids(cls, ids: Sequence[int]) -> "Tokens":
        """Create tokens from ids alone, with offsets (0, 0) and words -1."""
        count = len(ids)
        return cls(np.array(ids, np.int64), np.zeros((count, 2), np.int64), np.full(count, -1))

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, part: slice) -> "Tokens":
        return Tokens(self.ids[part], self.offsets[part], self.words[part])

    def overlapping_parts(self, size: int, overlap: int, side: Side) -> list["Tokens"]:
        """Split the tokens into parts of at most ``size`` that share ``overlap`` tokens with the part before.

        Args:
            size: maximum tokens in a part.
            overlap: tokens that a part repeats from the part before; less than ``size`` if there is more than one part.
            side: the side on which the text is cut off: "right" starts with its beginning, "left" with its end.
        """
        return [self[span] for span in spans_with_overlap(len(self), size, overlap, from_end=side == "left")]


@dataclass(frozen=True)
class Encoding:
    """One row of the model's input, with the positions in the text that its tokens come from.

    Attributes:
        ids: [N], ``input_ids``.
        type_ids: [N], ``token_type_ids``.
        sequences: [N], index of the text that each token comes from (0 or 1), -1 for special tokens.
        offsets: [N, 2], in characters of that text; (0, 0) for special tokens.
        words: [N], word indices in that text, -1 for special tokens.
        padded_length: minimum length of the row after padding.
    """

    ids: IntArray
    type_ids: IntArray
    sequences: IntArray
    offsets: IntArray
    words: IntArray
    padded_length: int = 0

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Template:
    """Special tokens around one text or a pair: before the first text, after it, and after the second.

    Attributes:
        special_ids: ids of the special tokens in each place; there is one place more than there are texts.
        special_types: their ``token_type_ids``.
        text_types: ``token_type_ids`` of each text.
    """

    special_ids: tuple[IntArray, ...]
    special_types: tuple[IntArray, ...]
    text_types: tuple[int, ...]

    def __len__(self) -> int:
        """Number of special tokens."""
        return sum(len(ids) for ids in self.special_ids)

    def ids(self) -> list[int]:
        """The ids of the special tokens."""
        return [int(number) for place in self.special_ids for number in place]

    def without_special_tokens(self) -> "Template":
        """The same texts and token types, without special tokens."""
        nothing = tuple(np.zeros(0, np.int64) for _ in self.special_ids)
        return Template(nothing, nothing, self.text_types)

    def row(self, *texts: Tokens) -> Encoding:
        """Put the special tokens around one text or two, as many as the template is for."""
        parts = [_special_columns(self.special_ids[0], self.special_types[0])]
        places = zip(texts, self.text_types, self.special_ids[1:], self.special_types[1:], strict=True)
        for sequence, (tokens, type_id, ids, types) in enumerate(places):
            parts += [_text_columns(tokens, sequence, type_id), _special_columns(ids, types)]
        ids, types, sequences, offsets, words = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        return Encoding(ids, types, sequences, offsets, words)


def spans_with_overlap(length: int, size: int, overlap: int, from_end: bool = False) -> Iterator[slice]:
    """Split ``length`` items into spans of ``size``, each sharing ``overlap`` items with the one before.

    Example: length=10, size=4, overlap=1 -> 0:4, 3:7, 6:10; ``from_end`` -> 6:10, 3:7, 0:4. An empty text is one empty
    span.
    """
    start = 0
    while True:
        end = min(start + size, length)
        yield slice(length - end, length - start) if from_end else slice(start, end)
        if start + size >= length:
            return
        start += size - overlap


_Columns = tuple[IntArray, IntArray, IntArray, IntArray, IntArray]
"""The array attributes of a part of an Encoding, in their order."""


def _special_columns(ids: IntArray, types: IntArray) -> _Columns:
    nowhere = np.full(len(ids), -1)
    return ids, types, nowhere, np.zeros((len(ids), 2), np.int64), nowhere


def _text_columns(tokens: Tokens, sequence: int, type_id: int) -> _Columns:
    count = len(tokens)
    return tokens.ids, np.full(count, type_id), np.full(count, sequence), tokens.offsets, tokens.words
