"""ConvBertTokenizer: BERT's WordPiece in Python, for machines that have no tokenizers library."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from convbert_onnx.files import replacing
from convbert_onnx.runtime.bert_text import words
from convbert_onnx.runtime.encoding import Template, Tokens
from convbert_onnx.runtime.tokenizer_base import TokenizerBase, tidy
from convbert_onnx.runtime.wordpiece import WordPiece
from convbert_onnx.runtime.wordpiece_json import read_wordpiece, vocabulary_text

__all__ = ["ConvBertTokenizer"]


class ConvBertTokenizer(TokenizerBase):
    """WordPiece from vocab.txt alone, with the tokens, offsets and words that ConvBertTokenizerFast gives.

    Arguments and attributes are those of :class:`TokenizerBase`. The two agree on text of characters that Unicode has
    had since version 8, whose tables the tokenizers library has; on newer ones each follows its own tables.

    Raises:
        BundleError: the text is no tokenizer.json, or one of another kind.
    """

    uses_tokenizer_json = False

    def _open(self, tokenizer_json: str) -> tuple[dict[str, int], set[int]]:
        self._file = file = read_wordpiece(tokenizer_json)
        self._added = {token.content: token.number for token in file.added}
        # The longest first: of tokens that start at one place, it is the longest that counts.
        patterns = sorted(map(re.escape, self._added), key=len, reverse=True)
        self._find_added = re.compile("|".join(patterns) or "(?!)")
        self._pieces = WordPiece(file.vocabulary, file.vocabulary[file.unknown], file.prefix, file.longest_word)
        return {**file.vocabulary, **self._added}, {token.number for token in file.added if token.special}

    def _templates(self) -> tuple[Template, Template]:
        return self._file.single, self._file.pair

    def _split(self, text: str) -> Tokens:
        ids: list[int] = []
        spans: list[tuple[int, int]] = []
        numbers: list[int] = []
        for number, word in enumerate(self._words(text)):
            for piece, *span in word:
                ids.append(piece)
                spans.append((span[0], span[1]))
                numbers.append(number)
        return Tokens(np.array(ids, np.int64), np.array(spans, np.int64).reshape(-1, 2), np.array(numbers, np.int64))

    def _words(self, text: str) -> Iterator[list[tuple[int, int, int]]]:
        """Id, start and end in the text of each piece, word by word; an added token is a word."""
        start = 0
        for match in self._find_added.finditer(text):
            yield from self._plain_words(text[start : match.start()], start)
            yield [(self._added[match[0]], *match.span())]
            start = match.end()
        yield from self._plain_words(text[start:], start)

    def _plain_words(self, text: str, shift: int) -> Iterator[list[tuple[int, int, int]]]:
        normalized, origins = self._file.normalizer(text)
        places = (origins + shift).tolist()
        for start, end in words(normalized):
            yield [
                (piece, places[start + first], places[start + last - 1] + 1)
                for piece, first, last in self._pieces(normalized[start:end])
            ]

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """The words of tokens with blanks between them."""
        prefix = self._file.decoder_prefix
        parts = [
            token if not i else token.removeprefix(prefix) if token.startswith(prefix) else f" {token}"
            for i, token in enumerate(tokens)
        ]
        return "".join(map(_tidy_token, parts) if self._file.decoder_cleanup else parts)

    def save_vocabulary(self, save_directory: str | Path, filename_prefix: str | None = None) -> tuple[str, ...]:
        """Write ``vocab.txt``.

        Args:
            save_directory: where to; made if it is not there.
            filename_prefix: put before the name, with a hyphen.

        Returns:
            Path of the file.
        """
        path = Path(save_directory) / (f"{filename_prefix}-vocab.txt" if filename_prefix else "vocab.txt")
        with replacing(path) as temporary:
            temporary.write_text(vocabulary_text(self._file.vocabulary), encoding="utf-8")
        return (str(path),)

    def files(self) -> dict[str, str]:
        """The files of a directory that holds this tokenizer, vocab.txt among them: their names and texts."""
        return {"vocab.txt": vocabulary_text(self._file.vocabulary), **super().files()}


def _tidy_token(token: str) -> str:
    # The decoder does this to each token with the blank before it, and knows one short form more.
    return tidy(token.replace(" do not", " don't"))
