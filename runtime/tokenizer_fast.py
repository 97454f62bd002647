"""ConvBertTokenizerFast: the checkpoint's tokenizer on the tokenizers library."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from convbert_onnx.errors import BundleError
from convbert_onnx.runtime.encoding import Template, Tokens
from convbert_onnx.runtime.engine import load_tokenizers
from convbert_onnx.runtime.tokenizer_base import TokenizerBase

__all__ = ["ConvBertTokenizerFast"]


class ConvBertTokenizerFast(TokenizerBase):
    """WordPiece, or whatever a tokenizer.json says, on the tokenizers library.

    Arguments and attributes are those of :class:`TokenizerBase`.

    Raises:
        BundleError: the text is no tokenizer.json.
        MissingExtraError: the tokenizers library is not installed.
    """

    uses_tokenizer_json = True

    def _open(self, tokenizer_json: str) -> tuple[dict[str, int], set[int]]:
        tokenizers = load_tokenizers()
        try:
            self._backend = tokenizers.Tokenizer.from_str(tokenizer_json)
        except Exception as error:  # the library raises plain Exception
            raise BundleError(f"the tokenizer.json cannot be read ({error}): save the tokenizer again") from error
        self._backend.no_truncation()
        self._backend.no_padding()
        added = self._backend.get_added_tokens_decoder()
        special = {number for number, token in added.items() if token.special}
        return self._backend.get_vocab(with_added_tokens=True), special

    def _templates(self) -> tuple[Template, Template]:
        """Ask the tokenizer's own post-processor where special tokens go."""
        # Its alphabet may lack this letter; a special token is found in any text.
        for text in ("a", self.unk_token, self.pad_token, self.sep_token):
            encoded = self._backend.encode(text), self._backend.encode(text, text)
            if all(set(range(1 + i)) <= set(one.sequence_ids) for i, one in enumerate(encoded)):
                return _template(encoded[0], 1), _template(encoded[1], 2)
        raise BundleError("the tokenizer gives no tokens for plain texts: save the tokenizer again")

    def _split(self, text: str) -> Tokens:
        encoded = self._backend.encode(text, add_special_tokens=False)
        words = np.array([-1 if word is None else word for word in encoded.word_ids], np.int64)
        return Tokens(np.array(encoded.ids, np.int64), np.array(encoded.offsets, np.int64).reshape(-1, 2), words)

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """The text that the tokenizer.json's decoder puts tokens together to; with blanks where it has none."""
        decoder = self._backend.decoder
        return " ".join(tokens) if decoder is None else str(decoder.decode(list(tokens)))

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


def _template(encoded: Any, texts: int) -> Template:
    """What is around the texts of an encoding."""
    ids, types = np.array(encoded.ids, np.int64), np.array(encoded.type_ids, np.int64)
    sequences = np.array([-1 if sequence is None else sequence for sequence in encoded.sequence_ids])
    inside = [np.flatnonzero(sequences == number) for number in range(texts)]
    starts = [0, *(int(places[-1]) + 1 for places in inside)]
    ends = [*(int(places[0]) for places in inside), len(ids)]
    around = [slice(start, end) for start, end in zip(starts, ends, strict=True)]
    return Template(
        special_ids=tuple(ids[place] for place in around),
        special_types=tuple(types[place] for place in around),
        text_types=tuple(int(types[places[0]]) for places in inside),
    )
