"""ConvBertTokenizerFast: any tokenizer.json, run by the tokenizers library."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np

from convbert_onnx.errors import BundleError, ConvBertError, InputError
from convbert_onnx.packages import load_tokenizers
from convbert_onnx.runtime.tokenization.base import TokenizerBase
from convbert_onnx.runtime.tokenization.encoding import Template, Tokens
from convbert_onnx.runtime.tokenization.tokenizer_json import TokenizerJson

__all__ = ["ConvBertTokenizerFast"]


class _Encoded(Protocol):
    """The part of the library's Encoding that is used here: a value for each token."""

    @property
    def ids(self) -> list[int]: ...
    @property
    def type_ids(self) -> list[int]: ...
    @property
    def offsets(self) -> list[tuple[int, int]]: ...
    @property
    def word_ids(self) -> list[int | None]: ...
    @property
    def sequence_ids(self) -> list[int | None]: ...


class _Decoder(Protocol):
    def decode(self, tokens: list[str], /) -> str: ...


class _Model(Protocol):
    def save(self, folder: str, prefix: str | None, /) -> list[str]: ...


class _Backend(Protocol):
    """The part of the library's Tokenizer that is used here."""

    encode_special_tokens: bool

    @property
    def decoder(self) -> _Decoder | None: ...
    @property
    def model(self) -> _Model: ...
    def no_truncation(self) -> None: ...
    def no_padding(self) -> None: ...
    def encode(self, text: str, pair: str | None = None, /, *, add_special_tokens: bool = True) -> _Encoded: ...


class ConvBertTokenizerFast(TokenizerBase):
    """WordPiece, or any other tokenizer.json, run by the tokenizers library.

    Arguments and attributes are those of :class:`TokenizerCore`.

    Raises:
        BundleError: the text is not a tokenizer.json.
        MissingExtraError: the tokenizers library is not installed.
    """

    prefers_tokenizer_json = True

    def _open(self, file: TokenizerJson) -> None:
        tokenizers = load_tokenizers()
        with _errors_as(BundleError, "the tokenizer.json cannot be read", "save the tokenizer again"):
            self._backend: _Backend = tokenizers.Tokenizer.from_str(file.text)
            self._backend.no_truncation()
            self._backend.no_padding()
            self._backend.encode_special_tokens = bool(file.settings["split_special_tokens"])

    def _templates(self) -> tuple[Template, Template]:
        """Derive them from rows that the tokenizer's own post-processor returns."""
        # The alphabet may lack the letter; special tokens are matched in any text.
        for text in ("a", self.unk_token, self.pad_token, self.sep_token):
            with _errors_as(BundleError, "the tokenizer cannot encode a plain text", "save the tokenizer again"):
                encoded = self._backend.encode(text), self._backend.encode(text, text)
            if all(set(range(1 + i)) <= set(one.sequence_ids) for i, one in enumerate(encoded)):
                return _template(encoded[0], 1), _template(encoded[1], 2)
        raise BundleError("the tokenizer gives no tokens for plain texts: save the tokenizer again")

    def _split(self, text: str) -> Tokens:
        with _errors_as(InputError, "the tokenizer cannot encode the text", "change the text, or repair the tokenizer"):
            encoded = self._backend.encode(text, add_special_tokens=False)
        words = np.array([-1 if word is None else word for word in encoded.word_ids], np.int64)
        return Tokens(np.array(encoded.ids, np.int64), np.array(encoded.offsets, np.int64).reshape(-1, 2), words)

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """Join tokens with the tokenizer.json's decoder, or with blanks if it has none.

        Raises:
            InputError: the decoder fails.
        """
        decoder = self._backend.decoder
        if decoder is None:
            return " ".join(tokens)
        with _errors_as(InputError, "the tokenizer cannot decode the tokens", "repair the tokenizer"):
            return str(decoder.decode(list(tokens)))

    def save_vocabulary(self, save_directory: str | Path, filename_prefix: str | None = None) -> tuple[str, ...]:
        """Write the vocabulary alone: ``vocab.txt`` for WordPiece, ``vocab.json`` and ``merges.txt`` for BPE.

        Args:
            save_directory: the directory; created if it does not exist.
            filename_prefix: put before the file names, with a hyphen.

        Returns:
            Paths of the files.
        """
        Path(save_directory).mkdir(parents=True, exist_ok=True)
        return tuple(self._backend.model.save(str(save_directory), filename_prefix))


@contextmanager
def _errors_as(kind: type[ConvBertError], problem: str, remedy: str) -> Iterator[None]:
    """Raise ``kind`` instead of the library's exceptions and panics; a panic is a BaseException, not an Exception."""
    try:
        yield
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise kind(f"{problem} ({error}): {remedy}") from error


def _template(encoded: _Encoded, texts: int) -> Template:
    """The special tokens around the texts of a row."""
    ids, types = np.array(encoded.ids, np.int64), np.array(encoded.type_ids, np.int64)
    sequences = np.array([-1 if sequence is None else sequence for sequence in encoded.sequence_ids])
    inside = [np.flatnonzero(sequences == number) for number in range(texts)]
    starts = [0, *(int(places[-1]) + 1 for places in inside)]
    ends = [*(int(places[0]) for places in inside), len(ids)]
    if any(start > end for start, end in zip(starts, ends, strict=True)):
        raise BundleError("the tokenizer.json does not put the first text before the second: use another tokenizer")
    around = [slice(start, end) for start, end in zip(starts, ends, strict=True)]
    return Template(
        special_ids=tuple(ids[place] for place in around),
        special_types=tuple(types[place] for place in around),
        text_types=tuple(int(types[places[0]]) for places in inside),
    )
