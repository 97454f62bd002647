"""ConvBertTokenizerFast: the checkpoint's tokenizer on the tokenizers library."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from convbert_onnx.errors import BundleError, ConvBertError, InputError
from convbert_onnx.packages import load_tokenizers
from convbert_onnx.runtime.tokenization.base import TokenizerBase
from convbert_onnx.runtime.tokenization.encoding import Template, Tokens
from convbert_onnx.runtime.tokenization.tokenizer_json import TokenizerJson

__all__ = ["ConvBertTokenizerFast"]


class ConvBertTokenizerFast(TokenizerBase):
    """WordPiece, or whatever a tokenizer.json says, on the tokenizers library.

    Arguments and attributes are those of :class:`TokenizerBase`.

    Raises:
        BundleError: the text is no tokenizer.json.
        MissingExtraError: the tokenizers library is not installed.
    """

    uses_tokenizer_json = True

    def _open(self, file: TokenizerJson) -> None:
        tokenizers = load_tokenizers()
        with _refusing(BundleError, "the tokenizer.json cannot be read", "save the tokenizer again"):
            self._backend = tokenizers.Tokenizer.from_str(file.text)
            self._backend.no_truncation()
            self._backend.no_padding()
            self._backend.encode_special_tokens = bool(file.settings["split_special_tokens"])

    def _templates(self) -> tuple[Template, Template]:
        """Ask the tokenizer's own post-processor where special tokens go."""
        # Its alphabet may lack this letter; a special token is found in any text.
        for text in ("a", self.unk_token, self.pad_token, self.sep_token):
            with _refusing(BundleError, "the tokenizer cannot encode a plain text", "save the tokenizer again"):
                encoded = self._backend.encode(text), self._backend.encode(text, text)
            if all(set(range(1 + i)) <= set(one.sequence_ids) for i, one in enumerate(encoded)):
                return _template(encoded[0], 1), _template(encoded[1], 2)
        raise BundleError("the tokenizer gives no tokens for plain texts: save the tokenizer again")

    def _split(self, text: str) -> Tokens:
        with _refusing(InputError, "the tokenizer cannot encode the text", "change the text, or repair the tokenizer"):
            encoded = self._backend.encode(text, add_special_tokens=False)
        words = np.array([-1 if word is None else word for word in encoded.word_ids], np.int64)
        return Tokens(np.array(encoded.ids, np.int64), np.array(encoded.offsets, np.int64).reshape(-1, 2), words)

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """The text that the tokenizer.json's decoder puts tokens together to; with blanks where it has none.

        Raises:
            InputError: the decoder fails on them.
        """
        decoder = self._backend.decoder
        if decoder is None:
            return " ".join(tokens)
        with _refusing(InputError, "the tokenizer cannot decode the tokens", "repair the tokenizer"):
            return str(decoder.decode(list(tokens)))

    def save_vocabulary(self, save_directory: str | Path, filename_prefix: str | None = None) -> tuple[str, ...]:
        """Write the vocabulary alone: ``vocab.txt`` for WordPiece, ``vocab.json`` and ``merges.txt`` for BPE.

        Args:
            save_directory: where to; made if it is not there.
            filename_prefix: put before the names, with a hyphen.

        Returns:
            Paths of the files.
        """
        Path(save_directory).mkdir(parents=True, exist_ok=True)
        return tuple(self._backend.model.save(str(save_directory), filename_prefix))


@contextmanager
def _refusing(kind: type[ConvBertError], problem: str, remedy: str) -> Iterator[None]:
    """Raise an error of ours where the library fails: by an Exception, or by a panic, which is only a BaseException."""
    try:
        yield
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise kind(f"{problem} ({error}): {remedy}") from error


def _template(encoded: Any, texts: int) -> Template:
    """What is around the texts of an encoding."""
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
