"""ConvBertTokenizer: BERT's WordPiece in Python.

There is a second tokenizer for two reasons: parity with the reference, which has a slow tokenizer in Python next to its
fast one; and machines without a `tokenizers` wheel, on which exported models run with numpy and onnxruntime alone. It
returns the ids, offsets and words of ConvBertTokenizerFast.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from convbert_onnx.files import replacing
from convbert_onnx.runtime.tokenization.added_tokens import TokenFinder
from convbert_onnx.runtime.tokenization.base import TokenizerBase
from convbert_onnx.runtime.tokenization.clean_up import clean_up_tokenization
from convbert_onnx.runtime.tokenization.encoding import Template, Tokens
from convbert_onnx.runtime.tokenization.normalization import words
from convbert_onnx.runtime.tokenization.tokenizer_json import TokenizerJson
from convbert_onnx.runtime.tokenization.vocabulary import vocabulary_text
from convbert_onnx.runtime.tokenization.wordpiece import WordPiece
from convbert_onnx.runtime.tokenization.wordpiece_json import parse_wordpiece_json

__all__ = ["ConvBertTokenizer"]


class ConvBertTokenizer(TokenizerBase):
    """WordPiece in Python, from vocab.txt or from a tokenizer.json of BERT's WordPiece.

    Arguments and attributes are those of :class:`TokenizerCore`. It agrees with ConvBertTokenizerFast on the characters
    of Unicode 8, whose tables the tokenizers library has; on newer characters each follows its own tables.

    Raises:
        BundleError: the text is not a tokenizer.json of BERT's WordPiece.
    """

    prefers_tokenizer_json = False

    def _open(self, file: TokenizerJson) -> None:
        self._file = wordpiece = parse_wordpiece_json(file.content)
        unk_id = file.vocabulary.get(wordpiece.unk_token)
        self._pieces = WordPiece(file.vocabulary, unk_id, wordpiece.prefix, wordpiece.max_word_chars)
        tokens, split_special = file.added_tokens.tokens, bool(file.settings["split_special_tokens"])
        plain = {number: token for number, token in tokens.items() if not token.normalized}
        normalized = {number: token for number, token in tokens.items() if token.normalized}
        self._find_plain = TokenFinder(plain, split_special=split_special)
        self._find_normalized = TokenFinder(normalized, lambda content: wordpiece.normalizer(content)[0], split_special)
        self._model_vocabulary = file.vocabulary

    def _templates(self) -> tuple[Template, Template]:
        return self._file.single, self._file.pair

    def _split(self, text: str) -> Tokens:
        ids: list[int] = []
        spans: list[tuple[int, int]] = []
        words_of_tokens: list[int] = []
        for word, pieces in enumerate(self._words(text)):
            for token_id, start, end in pieces:
                ids.append(token_id)
                spans.append((start, end))
                words_of_tokens.append(word)
        offsets = np.array(spans, np.int64).reshape(-1, 2)
        return Tokens(np.array(ids, np.int64), offsets, np.array(words_of_tokens, np.int64))

    def _words(self, text: str) -> Iterator[list[tuple[int, int, int]]]:
        """Id, start and end in the text of each piece, word by word; an added token counts as a word."""
        for start, end, added_id in self._find_plain.split(text):
            if added_id is None:
                yield from self._normalized_words(text[start:end], start)
            else:
                yield [(added_id, start, end)]

    def _normalized_words(self, text: str, shift: int) -> Iterator[list[tuple[int, int, int]]]:
        normalized, origins = self._file.normalizer(text)
        places = (origins + shift).tolist()
        for start, end, added_id in self._find_normalized.split(normalized):
            if added_id is not None:
                yield [(added_id, places[start], places[end - 1] + 1)]
                continue
            for first, last in words(normalized[start:end]):
                yield [
                    (piece, places[start + first + begin], places[start + first + stop - 1] + 1)
                    for piece, begin, stop in self._pieces(normalized[start + first : start + last])
                ]

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """Join pieces to words, and words with blanks."""
        prefix = self._file.decoder_prefix
        parts = [
            token if not i else token.removeprefix(prefix) if token.startswith(prefix) else f" {token}"
            for i, token in enumerate(tokens)
        ]
        return "".join(map(_clean_up_token, parts) if self._file.decoder_cleanup else parts)

    def save_vocabulary(self, save_directory: str | Path, filename_prefix: str | None = None) -> tuple[str, ...]:
        """Write ``vocab.txt``.

        Args:
            save_directory: the directory; created if it does not exist.
            filename_prefix: put before the file name, with a hyphen.

        Returns:
            Path of the file.
        """
        path = Path(save_directory) / (f"{filename_prefix}-vocab.txt" if filename_prefix else "vocab.txt")
        with replacing(path) as temporary:
            temporary.write_text(vocabulary_text(self._model_vocabulary), encoding="utf-8")
        return (str(path),)

    def files(self) -> dict[str, str]:
        """The files of a directory that holds this tokenizer, including vocab.txt, as name -> text."""
        return {"vocab.txt": vocabulary_text(self._model_vocabulary), **super().files()}


def _clean_up_token(token: str) -> str:
    # As the library's decoder: for each token with the blank before it, and with one contraction more.
    return clean_up_tokenization(token.replace(" do not", " don't"))
