"""ConvBertTokenizerFast: the checkpoint's tokenizer on the tokenizers library."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import BundleError, FileMissingError, InputError, InputTypeError
from convbert_onnx.runtime.encoding import Encoding, Template, Tokens, spans_with_overlap
from convbert_onnx.runtime.engine import load_tokenizers

__all__ = ["ConvBertTokenizerFast"]

_SPECIAL_TOKENS = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
_SETTINGS = (
    "do_lower_case",
    "strip_accents",
    "tokenize_chinese_chars",
    "model_max_length",
    "tokenizer_class",
    *(f"{name}_token" for name in _SPECIAL_TOKENS),
)


class ConvBertTokenizerFast:
    """WordPiece, or whatever a tokenizer.json says, with character offsets.

    Args:
        tokenizer_json: the text of a tokenizer.json. It is used as it is, but for truncation and padding, which a
            tokenizer.json can carry along and which would cut every text.
        settings: entries of tokenizer_config.json: ``model_max_length`` (unlimited by default) and the special tokens
            (``"[PAD]"`` and so on by default). Others are ignored.

    Attributes:
        model_max_length: longest row in tokens, or None where nothing limits it.
        vocab_size: one more than the largest id.
        pad_token_id: id of the padding token.

    Raises:
        BundleError: the text is no tokenizer.json.
    """

    def __init__(self, tokenizer_json: str, settings: Mapping[str, Any] | None = None) -> None:
        tokenizers = load_tokenizers()
        self.tokenizer_json = tokenizer_json
        self.settings = _clean(settings or {})
        try:
            self._backend = tokenizers.Tokenizer.from_str(tokenizer_json)
        except Exception as error:  # the library raises plain Exception
            raise BundleError(f"the tokenizer.json cannot be read ({error}): save the tokenizer again") from error
        self._backend.no_truncation()
        self._backend.no_padding()
        self.vocab_size = max(self._backend.get_vocab(with_added_tokens=True).values(), default=-1) + 1
        self.pad_token_id = self._backend.token_to_id(self.settings["pad_token"]) or 0
        self.model_max_length: int | None = self.settings["model_max_length"]
        self._template = self._find_template()

    @classmethod
    def from_pretrained(cls, directory: str | Path) -> Self:
        """The tokenizer of a checkpoint directory: tokenizer.json if there is one, else vocab.txt.

        Raises:
            FileMissingError: the directory has neither.
            BundleError: a file cannot be read.
        """
        directory = Path(directory)
        settings: dict[str, Any] = {}
        for name in ("special_tokens_map.json", "tokenizer_config.json"):
            if (directory / name).is_file():
                settings |= _read_json(directory / name)
        if (directory / "tokenizer.json").is_file():
            return cls((directory / "tokenizer.json").read_text(encoding="utf-8"), settings)
        if (directory / "vocab.txt").is_file():
            return cls.from_vocab(directory / "vocab.txt", settings)
        raise FileMissingError(
            f"no tokenizer was found in {directory}: put tokenizer.json or vocab.txt there, or pass another directory "
            "as the tokenizer"
        )

    @classmethod
    def from_vocab(cls, vocab: str | Path, settings: Mapping[str, Any] | None = None) -> Self:
        """A WordPiece tokenizer from vocab.txt, as the reference builds it.

        Args:
            vocab: a file with one token per line.
            settings: besides those of the class, ``do_lower_case`` (True by default), ``strip_accents`` (by default
                together with lower-casing) and ``tokenize_chinese_chars`` (True by default).

        Raises:
            BundleError: the file lacks a special token, or is not UTF-8.
        """
        load_tokenizers()
        from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers
        from tokenizers.models import WordPiece
        from tokenizers.processors import TemplateProcessing

        values = _clean(settings or {})
        try:
            # Not splitlines(): some vocabularies have line separators other than these among their tokens.
            lines = Path(vocab).read_text(encoding="utf-8").removesuffix("\n").split("\n")
        except UnicodeDecodeError as error:
            raise BundleError(f"{vocab} is not UTF-8 ({error}): save the vocabulary again") from error
        ids = {token: number for number, token in enumerate(lines)}
        specials = [values[f"{name}_token"] for name in _SPECIAL_TOKENS]
        if missing := [token for token in specials if token not in ids]:
            raise BundleError(
                f"{vocab} lacks the special tokens {', '.join(missing)}: name them in tokenizer_config.json"
            )
        cls_token, sep_token = values["cls_token"], values["sep_token"]
        tokenizer = Tokenizer(WordPiece(ids, unk_token=values["unk_token"], max_input_chars_per_word=100))
        tokenizer.normalizer = normalizers.BertNormalizer(
            clean_text=True,
            handle_chinese_chars=values["tokenize_chinese_chars"],
            strip_accents=values["strip_accents"],
            lowercase=values["do_lower_case"],
        )
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.post_processor = TemplateProcessing(
            single=f"{cls_token}:0 $A:0 {sep_token}:0",
            pair=f"{cls_token}:0 $A:0 {sep_token}:0 $B:1 {sep_token}:1",
            special_tokens=[(token, ids[token]) for token in (cls_token, sep_token)],
        )
        tokenizer.decoder = decoders.WordPiece(prefix="##")
        tokenizer.add_special_tokens(specials)
        return cls(tokenizer.to_str(), settings)

    def tokenize(self, text: str) -> Tokens:
        """The tokens of a text, without special tokens.

        Raises:
            InputTypeError: ``text`` is no string.
            InputError: the text cannot be encoded.
        """
        if not isinstance(text, str):
            raise InputTypeError(f"a text must be a string, not {type(text).__name__}")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise InputError(
                f"the text has half of a character (a lone surrogate) at position {error.start}: decode its source as "
                "UTF-8, or drop such characters"
            ) from error
        encoded = self._backend.encode(text)
        own = np.array([sequence is not None for sequence in encoded.sequence_ids], dtype=bool)
        words = np.array([-1 if word is None else word for word in encoded.word_ids], np.int64)
        offsets = np.array(encoded.offsets, np.int64).reshape(-1, 2)
        return Tokens(np.array(encoded.ids, np.int64)[own], offsets[own], words[own])

    def windows(self, first: Tokens, second: Tokens, max_length: int, stride: int) -> list[Encoding]:
        """Rows of at most ``max_length`` tokens with all of ``first`` and successive parts of ``second``.

        Args:
            first: a text that is in every row.
            second: a text that is cut where it is too long.
            max_length: longest row, in tokens, special tokens included.
            stride: tokens of ``second`` that a row repeats from the row before.

        Raises:
            InputError: ``first`` leaves no room for more than ``stride`` tokens of ``second``.
        """
        room = max_length - len(first) - self.num_special_tokens
        if room < 1 or (stride >= room and len(second) > room):
            raise InputError(
                f"{len(first)} tokens of the first text and {self.num_special_tokens} special tokens leave "
                f"{max(0, room)} of {max_length} for the second, where {stride} are repeated: shorten the first text, "
                "allow longer rows or repeat less"
            )
        return [self._template.pair(first, second[span]) for span in spans_with_overlap(len(second), room, stride)]

    @property
    def num_special_tokens(self) -> int:
        """Special tokens around a pair of texts."""
        return len(self._template)

    def check_fits(self, config: ConvBertConfig) -> None:
        """Make sure that the model has an embedding for every token.

        Raises:
            InputError: it has not.
        """
        if self.vocab_size > config.vocab_size:
            raise InputError(
                f"the tokenizer has ids up to {self.vocab_size - 1}, the model only {config.vocab_size} embeddings: "
                "pass the tokenizer that the model was trained with"
            )

    def files(self) -> dict[str, str]:
        """The files of a directory that holds this tokenizer: their names and texts."""
        settings = {name: value for name, value in self.settings.items() if value is not None}
        return {
            "tokenizer.json": self.tokenizer_json,
            "tokenizer_config.json": json.dumps(settings, ensure_ascii=False, indent=2) + "\n",
        }

    def _find_template(self) -> Template:
        """Ask the tokenizer's own post-processor where special tokens go around a pair."""
        encoded = self._backend.encode("a", "a")
        ids, types = np.array(encoded.ids, np.int64), np.array(encoded.type_ids, np.int64)
        sequences = np.array([-1 if sequence is None else sequence for sequence in encoded.sequence_ids])
        if not ({0, 1} <= set(sequences)):
            raise BundleError("the tokenizer gives no tokens for a pair of plain texts: save the tokenizer again")
        first, second = np.flatnonzero(sequences == 0), np.flatnonzero(sequences == 1)
        places = slice(0, first[0]), slice(first[-1] + 1, second[0]), slice(second[-1] + 1, None)
        before, between, after = places
        return Template(
            special_ids=(ids[before], ids[between], ids[after]),
            special_types=(types[before], types[between], types[after]),
            text_types=(int(types[first[0]]), int(types[second[0]])),
        )


def _clean(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings this class knows, with the reference's defaults."""
    defaults: dict[str, Any] = {f"{name}_token": token for name, token in _SPECIAL_TOKENS.items()}
    defaults |= {"do_lower_case": True, "strip_accents": None, "tokenize_chinese_chars": True, "model_max_length": None}
    known = {name: settings[name] for name in _SETTINGS if settings.get(name) is not None}
    # max_len is the old name; a number beyond all lengths is the reference's way to say "no limit".
    length = known.get("model_max_length", settings.get("max_len"))
    known["model_max_length"] = int(length) if length is not None and length < 1e9 else None
    # A special token is a string, or an object with its text under "content".
    plain = {name: value["content"] if isinstance(value, Mapping) else value for name, value in known.items()}
    return defaults | plain


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BundleError(f"{path} is not JSON ({error}): save the tokenizer again") from error
    if not isinstance(values, dict):
        raise BundleError(f"{path} must hold a JSON object: save the tokenizer again")
    return values
