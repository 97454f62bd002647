"""Texts as numbers: tokens of one text, and the model's input rows made of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Encoding", "IntArray", "Template", "Tokens", "spans_with_overlap"]

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Tokens:
    """The tokens of one text, without special tokens.

    Attributes:
        ids: [N], numbers in the vocabulary.
        offsets: [N, 2], where each token starts and ends in the text, in characters.
        words: [N], the number of the word each token is part of.
    """

    ids: IntArray
    offsets: IntArray
    words: IntArray

    @classmethod
    def of(cls, ids: Sequence[int]) -> "Tokens":
        """Tokens of which no more is known than their ids."""
        count = len(ids)
        return cls(np.array(ids, np.int64), np.zeros((count, 2), np.int64), np.full(count, -1))

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, part: slice) -> "Tokens":
        return Tokens(self.ids[part], self.offsets[part], self.words[part])


@dataclass(frozen=True)
class Encoding:
    """One row of the model's input, with what is needed to find the way back to the text.

    Attributes:
        ids: [N], ``input_ids``.
        type_ids: [N], ``token_type_ids``.
        sequences: [N], which text each token comes from (0 or 1), -1 for special tokens.
        offsets: [N, 2], in characters of that text; (0, 0) for special tokens.
        words: [N], word numbers in that text, -1 for special tokens.
        padded_length: length to which the row is padded at least.
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
    """Where special tokens go around one text or a pair: before the first, after it, and after the second.

    Attributes:
        special_ids: ids of the special tokens in each place; one place more than there are texts.
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

    def bare(self) -> "Template":
        """The same without special tokens."""
        nothing = tuple(np.zeros(0, np.int64) for _ in self.special_ids)
        return Template(nothing, nothing, self.text_types)

    def row(self, *texts: Tokens) -> Encoding:
        """The row for as many texts as the template is for."""
        parts = [_special(self.special_ids[0], self.special_types[0])]
        places = zip(texts, self.text_types, self.special_ids[1:], self.special_types[1:], strict=True)
        for number, (tokens, type_id, ids, types) in enumerate(places):
            parts += [_text(tokens, number, type_id), _special(ids, types)]
        ids, types, sequences, offsets, words = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        return Encoding(ids, types, sequences, offsets, words)


_Columns = tuple[IntArray, IntArray, IntArray, IntArray, IntArray]


def _special(ids: IntArray, types: IntArray) -> _Columns:
    nowhere = np.full(len(ids), -1)
    return ids, types, nowhere, np.zeros((len(ids), 2), np.int64), nowhere


def _text(tokens: Tokens, sequence: int, type_id: int) -> _Columns:
    count = len(tokens)
    return tokens.ids, np.full(count, type_id), np.full(count, sequence), tokens.offsets, tokens.words


def spans_with_overlap(length: int, size: int, overlap: int, from_end: bool = False) -> Iterator[slice]:
    """Cut ``length`` items into spans of ``size``, each sharing ``overlap`` items with the one before.

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
