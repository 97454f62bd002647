"""TokenizerCore: the tokenizer of the pipelines, from text to tokens to the model's rows."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Self, overload

import numpy as np

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import FileMissingError, InputError, InputTypeError
from convbert_onnx.runtime.tokenization.encoding import Encoding, Template, Tokens
from convbert_onnx.runtime.tokenization.json_files import read_text
from convbert_onnx.runtime.tokenization.settings import Settings, read_settings, refuse_dictionaries, special_tokens
from convbert_onnx.runtime.tokenization.tokenizer_json import TokenizerJson
from convbert_onnx.runtime.tokenization.wordpiece_json import build_wordpiece_json

__all__ = ["TokenizerCore"]


class TokenizerCore(ABC):
    """A tokenizer with character offsets: the vocabulary, tokens of a text, and the model's rows.

    Args:
        tokenizer_json: the text of a tokenizer.json. Its own truncation and padding are switched off.
        settings: entries of tokenizer_config.json. As in the reference, they decide about lower-casing, accents and
            Chinese characters, and add tokens; ``docs/checkpoints.md`` lists them. Without settings, the tokenizer.json
            is used as it is.

    Attributes:
        tokenizer_json: the text of a tokenizer.json that splits text as this tokenizer does, without settings.
        settings: lower-casing, accents, maximum length, special tokens and so on, named as in tokenizer_config.json.
        model_max_length: maximum tokens in a row, or None if there is no limit.
        padding_side: the side on which rows are padded, "right" or "left".
        truncation_side: the side on which texts are cut off, "right" or "left".
        returns_token_type_ids: whether the model's token types tell the two texts of a pair apart; if not, they are 0.
        marks_subwords: whether tokens that continue a word have a prefix such as ##.
        vocab_size: one more than the largest id.
        pad_token: the padding token; likewise ``unk_token``, ``cls_token``, ``sep_token`` and ``mask_token``.
        pad_token_id: its id, 0 if the vocabulary lacks it.
        unk_token_id: id of the unknown token, or None; likewise ``cls_token_id``, ``sep_token_id`` and
            ``mask_token_id``.
        all_special_ids: ids of all special tokens.

    Raises:
        BundleError: the text is not a tokenizer.json that this tokenizer can use, or a setting has the wrong type.
    """

    prefers_tokenizer_json: ClassVar[bool]
    """Whether from_pretrained reads a tokenizer.json rather than vocab.txt if there are both."""

    def __init__(self, tokenizer_json: str, settings: Settings | None = None) -> None:
        file = TokenizerJson.read(tokenizer_json, settings)
        self.tokenizer_json = file.text
        self.settings = file.settings
        self.model_max_length = file.settings["model_max_length"]
        self.padding_side = file.settings["padding_side"]
        self.truncation_side = file.settings["truncation_side"]
        input_names = file.settings["model_input_names"]
        self.returns_token_type_ids = input_names is None or "token_type_ids" in input_names
        self.marks_subwords = file.has_subword_prefix
        self._added_tokens = file.added_tokens
        self._vocabulary = {**file.vocabulary, **file.added_tokens.ids}
        self.vocab_size = max(self._vocabulary.values(), default=-1) + 1
        tokens = special_tokens(file.settings)
        ids = {role: self._vocabulary.get(token) for role, token in tokens.items()}
        self.pad_token, self.unk_token, self.mask_token = tokens["pad"], tokens["unk"], tokens["mask"]
        self.cls_token, self.sep_token = tokens["cls"], tokens["sep"]
        self.pad_token_id = ids["pad"] or 0
        self.unk_token_id, self.mask_token_id = ids["unk"], ids["mask"]
        self.cls_token_id, self.sep_token_id = ids["cls"], ids["sep"]
        self._special_ids = frozenset(number for number, token in file.added_tokens.tokens.items() if token.special)
        role_ids = {number for number in ids.values() if number is not None}
        self.all_special_ids = sorted(role_ids | self._special_ids)
        self._open(file)
        self._single, self._pair = self._templates()
        self._largest_id = max([self.vocab_size - 1, *self._single.ids(), *self._pair.ids()])

    @classmethod
    def from_pretrained(cls, directory: str | Path) -> Self:
        """Open the tokenizer of a checkpoint directory: its tokenizer.json if this class prefers it, else vocab.txt.

        Raises:
            FileMissingError: the directory has no file that this class reads.
            BundleError: a file cannot be read, or the tokenizer needs a dictionary in addition to vocab.txt.
        """
        directory = Path(directory)
        settings = read_settings(directory)
        if cls.prefers_tokenizer_json and (directory / "tokenizer.json").is_file():
            return cls.from_tokenizer_json(read_text(directory / "tokenizer.json"), settings)
        refuse_dictionaries(settings)
        if (directory / "vocab.txt").is_file():
            return cls.from_vocab(directory / "vocab.txt", settings)
        needed = "tokenizer.json or vocab.txt" if cls.prefers_tokenizer_json else "vocab.txt"
        raise FileMissingError(
            f"no tokenizer was found in {directory}: put {needed} there, or pass another directory as the tokenizer"
        )

    @classmethod
    def from_vocab(cls, vocab: str | Path, settings: Settings | None = None) -> Self:
        """Create a WordPiece tokenizer from vocab.txt, as the reference does.

        Args:
            vocab: a file with one token per line.
            settings: in addition to those of the class, ``do_lower_case`` (True by default), ``strip_accents`` (by
                default as ``do_lower_case``) and ``tokenize_chinese_chars`` (True by default).

        Raises:
            BundleError: the file lacks a special token, or is not UTF-8.
        """
        return cls(build_wordpiece_json(vocab, settings or {}), settings or {})

    @classmethod
    def from_tokenizer_json(cls, text: str, settings: Settings | None = None) -> Self:
        """Create a tokenizer from the text of a tokenizer.json.

        Raises:
            BundleError: the text is not a tokenizer.json that this class can use.
        """
        return cls(text, settings)

    @abstractmethod
    def _open(self, file: TokenizerJson) -> None:
        """Prepare to split texts as the tokenizer.json says."""

    @abstractmethod
    def _templates(self) -> tuple[Template, Template]:
        """The special tokens around one text, and around two."""

    @abstractmethod
    def _split(self, text: str) -> Tokens:
        """The tokens of a text, without special tokens."""

    def encode_text(self, text: str) -> Tokens:
        """The tokens of a text with their offsets and words, without special tokens.

        Raises:
            InputTypeError: ``text`` is not a string.
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
        return self._split(text)

    def encode_words(self, words: Sequence[str]) -> Tokens:
        """The tokens of a text that is given as its words; offsets are positions in each word.

        Raises:
            InputTypeError: a word is not a string.
            InputError: a word cannot be encoded.
        """
        parts = [self.encode_text(word) for word in words]
        numbers = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
        offsets = np.concatenate([np.zeros((0, 2), np.int64), *(part.offsets for part in parts)])
        return Tokens(np.concatenate([np.zeros(0, np.int64), *(part.ids for part in parts)]), offsets, numbers)

    def truncate(self, tokens: Tokens, max_length: int) -> Tokens:
        """Cut a text to at most ``max_length`` tokens, on the truncation side."""
        excess = max(0, len(tokens) - max(0, max_length))
        return tokens[excess:] if self.truncation_side == "left" else tokens[: len(tokens) - excess]

    def model_row(self, *texts: Tokens) -> Encoding:
        """The model's row for one text or two, with special tokens, and token types 0 where the model has no others."""
        row = self._template(len(texts)).row(*texts)
        return row if self.returns_token_type_ids else replace(row, type_ids=np.zeros_like(row.type_ids))

    def windows(
        self,
        text: Tokens,
        max_length: int,
        stride: int,
        before: Tokens | None = None,
        after: Tokens | None = None,
    ) -> list[Encoding]:
        """The model's rows for successive parts of a text, of at most ``max_length`` tokens.

        Args:
            text: the text that is split where it is too long.
            max_length: maximum tokens in a row.
            stride: tokens of ``text`` that a row repeats from the row before.
            before: a text that is in every row, before the part of ``text``.
            after: likewise, after the part of ``text``; at most one of the two can be given.

        Raises:
            InputError: there is no room for more than ``stride`` tokens of ``text``.
        """
        other = before if after is None else after
        special = self.num_special_tokens(pair=other is not None)
        room = _window_size(text, max_length, stride, special, other)
        parts = text.overlapping_parts(room, stride, self.truncation_side)
        if after is not None:
            return [self.model_row(part, after) for part in parts]
        return [self.model_row(part) if before is None else self.model_row(before, part) for part in parts]

    def num_special_tokens(self, pair: bool = False) -> int:
        """Number of special tokens around one text, or around a pair."""
        return len(self._pair if pair else self._single)

    def get_vocab(self) -> dict[str, int]:
        """The ids of all tokens."""
        return dict(self._vocabulary)

    def token_id(self, token: str) -> int | None:
        """The id of a token, or None if the vocabulary lacks it."""
        return self._vocabulary.get(token)

    def convert_ids_to_tokens(self, ids: Iterable[int]) -> list[str]:
        """The token of each id; the unknown token where no token has the id."""
        return [self._tokens.get(int(number), self.unk_token) for number in ids]

    @overload
    def convert_tokens_to_ids(self, tokens: str) -> int | None: ...
    @overload
    def convert_tokens_to_ids(self, tokens: list[str] | tuple[str, ...]) -> list[int | None]: ...
    def convert_tokens_to_ids(self, tokens: str | Iterable[str]) -> int | list[int | None] | None:
        """The id of each token in a list, or of one token; the unknown token's id where the vocabulary lacks it."""
        if isinstance(tokens, str):
            return self._vocabulary.get(tokens, self.unk_token_id)
        return [self._vocabulary.get(token, self.unk_token_id) for token in tokens]

    def check_fits(self, config: ConvBertConfig) -> None:
        """Check that the model has an embedding for every token of the vocabulary.

        Special tokens that the vocabulary lacks may be without one: a model that never reads [MASK] needs none for it.

        Raises:
            InputError: a token has no embedding.
        """
        if self._largest_id < config.vocab_size:
            return
        optional = {"", self.pad_token, self.unk_token, self.mask_token}
        needed = [number for token, number in self._vocabulary.items() if token not in optional]
        largest = max([*needed, *self._single.ids(), *self._pair.ids()])
        if largest >= config.vocab_size:
            raise InputError(
                f"the tokenizer has ids up to {largest}, the model only {config.vocab_size} embeddings: pass the "
                "tokenizer that the model was trained with"
            )

    def check_rows(self, rows: Iterable[Encoding], config: ConvBertConfig) -> None:
        """Check that the model has an embedding for every token of some rows.

        Raises:
            InputError: a token has no embedding. :meth:`check_fits` accepts special tokens without one, and a text can
                contain them.
        """
        if self._largest_id < config.vocab_size:
            return
        for row in rows:
            if len(row) and row.ids.max() >= config.vocab_size:
                token = self.convert_ids_to_tokens([int(row.ids.max())])[0]
                raise InputError(
                    f"the text has the token {token}, which the vocabulary lacks and the model has no embedding for: "
                    "remove it from the text"
                )

    @cached_property
    def _tokens(self) -> dict[int, str]:
        """The tokens by id."""
        return {number: token for token, number in self._vocabulary.items()}

    def _template(self, texts: int, special: bool = True) -> Template:
        template = self._single if texts == 1 else self._pair
        return template if special else template.without_special_tokens()


def _window_size(text: Tokens, max_length: int, stride: int, special: int, other: Tokens | None) -> int:
    """Compute how many tokens of a text fit into a row, and check that windows can advance.

    Args:
        text: the text that windows are made of.
        max_length: maximum tokens in a row.
        stride: tokens that a row repeats from the row before.
        special: number of special tokens in a row.
        other: the text that is in every row.

    Returns:
        Tokens of ``text`` in each row.

    Raises:
        InputError: there is no room for more than ``stride`` tokens of ``text``.
    """
    room = max_length - len(other or ()) - special
    if room >= 1 and (stride < room or len(text) <= room):
        return room
    first = "" if other is None else f"{len(other)} tokens of the first text and "
    shorten = "" if other is None else "shorten the first text, "
    raise InputError(
        f"{first}{special} special tokens leave {max(0, room)} of {max_length} tokens for the text, of which {stride} "
        f"would be repeated: {shorten}allow longer rows or repeat fewer tokens"
    )
