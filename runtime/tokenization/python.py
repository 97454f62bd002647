"""ConvBertTokenizer: BERT's WordPiece in Python, for machines that have no tokenizers library."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from convbert_onnx.files import replacing
from convbert_onnx.runtime.tokenization.added_tokens import TokenFinder
from convbert_onnx.runtime.tokenization.base import TokenizerBase, tidy
from convbert_onnx.runtime.tokenization.encoding import Template, Tokens
from convbert_onnx.runtime.tokenization.normalization import words
from convbert_onnx.runtime.tokenization.tokenizer_json import TokenizerJson
from convbert_onnx.runtime.tokenization.wordpiece import WordPiece
from convbert_onnx.runtime.tokenization.wordpiece_json import read_wordpiece, vocabulary_text

__all__ = ["ConvBertTokenizer"]


class ConvBertTokenizer(TokenizerBase):
    """WordPiece from vocab.txt alone, with the tokens, offsets and words that ConvBertTokenizerFast gives.

    Arguments and attributes are those of :class:`TokenizerBase`. The two agree on text of characters that Unicode has
    had since version 8, whose tables the tokenizers library has; on newer ones each follows its own tables.

    Raises:
        BundleError: the text is no tokenizer.json, or one of another kind.
    """

    uses_tokenizer_json = False

    def _open(self, file: TokenizerJson) -> None:
        self._file = wordpiece = read_wordpiece(file.content)
        unknown = file.vocabulary.get(wordpiece.unknown)
        self._pieces = WordPiece(file.vocabulary, unknown, wordpiece.prefix, wordpiece.longest_word)
        split_special = file.settings["split_special_tokens"]
        tokens = {number: token for number, token in file.added.tokens.items() if not (split_special and token.special)}
        plain = {number: token for number, token in tokens.items() if not token.normalized}
        normalized = {number: token for number, token in tokens.items() if token.normalized}
        self._find_plain = TokenFinder(plain)
        self._find_normalized = TokenFinder(normalized, lambda content: wordpiece.normalizer(content)[0])
        self._model_vocabulary = file.vocabulary

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
        for start, end, number in self._find_plain.split(text):
            if number is None:
                yield from self._normalized_words(text[start:end], start)
            else:
                yield [(number, start, end)]

    def _normalized_words(self, text: str, shift: int) -> Iterator[list[tuple[int, int, int]]]:
        normalized, origins = self._file.normalizer(text)
        places = (origins + shift).tolist()
        for start, end, number in self._find_normalized.split(normalized):
            if number is not None:
                yield [(number, places[start], places[end - 1] + 1)]
                continue
            for first, last in words(normalized[start:end]):
                yield [
                    (piece, places[start + first + begin], places[start + first + stop - 1] + 1)
                    for piece, begin, stop in self._pieces(normalized[start + first : start + last])
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
            temporary.write_text(vocabulary_text(self._model_vocabulary), encoding="utf-8")
        return (str(path),)

    def files(self) -> dict[str, str]:
        """The files of a directory that holds this tokenizer, vocab.txt among them: their names and texts."""
        return {"vocab.txt": vocabulary_text(self._model_vocabulary), **super().files()}


def _tidy_token(token: str) -> str:
    # The decoder does this to each token with the blank before it, and knows one short form more.
    return tidy(token.replace(" do not", " don't"))
