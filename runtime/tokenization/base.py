"""What both tokenizers share: everything but splitting a text into tokens."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import FileMissingError, InputError, InputTypeError
from convbert_onnx.files import replacing
from convbert_onnx.runtime.parameters import one_of, whole_number
from convbert_onnx.runtime.tokenization.calls import arrays, examples_of, lists, padded
from convbert_onnx.runtime.tokenization.encoding import Encoding, Template, Tokens, spans_with_overlap
from convbert_onnx.runtime.tokenization.settings import SPECIAL_TOKENS, check_expressible, read_settings, read_text
from convbert_onnx.runtime.tokenization.tokenizer_json import TokenizerJson
from convbert_onnx.runtime.tokenization.truncation import PADDING, TRUNCATION, cut
from convbert_onnx.runtime.tokenization.wordpiece_json import write_wordpiece

__all__ = ["TokenizerBase", "tidy"]


class TokenizerBase(ABC):
    """A tokenizer with character offsets, called as the reference's is.

    Args:
        tokenizer_json: the text of a tokenizer.json. Truncation and padding, which it can carry along and which would
            cut every text, are left out of use.
        settings: entries of tokenizer_config.json. As in the reference, they decide about lower-casing, accents and
            Chinese characters, and add tokens; ``docs/checkpoints.md`` lists them. Without them, the tokenizer.json is
            used as it is.

    Attributes:
        tokenizer_json: the text of a tokenizer.json that needs no settings to split text as this tokenizer does.
        settings: lower-casing, accents, maximum length, special tokens and so on, named as in tokenizer_config.json.
        model_max_length: longest row in tokens, or None where nothing limits it.
        padding_side: the side of a row on which it is padded, "right" or "left".
        truncation_side: the side of a text from which it is cut, "right" or "left".
        gives_token_types: whether the model is given the numbers of the texts in a pair, or only zeros.
        marks_subwords: whether tokens inside a word carry a mark, such as ## before them.
        vocab_size: one more than the largest id.
        pad_token: the padding token; so are ``unk_token``, ``cls_token``, ``sep_token`` and ``mask_token``.
        pad_token_id: its id, 0 where the vocabulary lacks it.
        unk_token_id: id of the token for unknown words, or None; so are ``cls_token_id``, ``sep_token_id`` and
            ``mask_token_id``.
        all_special_ids: ids of all special tokens.

    Raises:
        BundleError: the text is not a tokenizer.json that this tokenizer can use, or a setting is of the wrong type.
    """

    uses_tokenizer_json: ClassVar[bool]
    """Whether from_pretrained prefers a tokenizer.json to vocab.txt."""

    def __init__(self, tokenizer_json: str, settings: Mapping[str, Any] | None = None) -> None:
        file = TokenizerJson.read(tokenizer_json, settings)
        self.tokenizer_json = file.text
        self.settings = file.settings
        self.model_max_length: int | None = file.settings["model_max_length"]
        self.padding_side: str = file.settings["padding_side"]
        self.truncation_side: str = file.settings["truncation_side"]
        names_of_inputs = file.settings["model_input_names"]
        self.gives_token_types = names_of_inputs is None or "token_type_ids" in names_of_inputs
        self.marks_subwords = bool(file.content["model"].get("continuing_subword_prefix"))
        self._added = file.added
        self._vocabulary = {**file.vocabulary, **file.added.ids}
        self.vocab_size = max(self._vocabulary.values(), default=-1) + 1
        names = {role: str(file.settings[f"{role}_token"] or usual) for role, usual in SPECIAL_TOKENS.items()}
        ids = {role: self._vocabulary.get(token) for role, token in names.items()}
        self.pad_token, self.unk_token, self.mask_token = names["pad"], names["unk"], names["mask"]
        self.cls_token, self.sep_token = names["cls"], names["sep"]
        self.pad_token_id: int = ids["pad"] or 0
        self.unk_token_id, self.mask_token_id = ids["unk"], ids["mask"]
        self.cls_token_id, self.sep_token_id = ids["cls"], ids["sep"]
        self._special = frozenset(number for number, token in file.added.tokens.items() if token.special)
        roles = {number for number in ids.values() if number is not None}
        self.all_special_ids: list[int] = sorted(roles | self._special)
        self._open(file)
        self._single, self._pair = self._templates()
        self._largest_id = max([self.vocab_size - 1, *self._single.ids(), *self._pair.ids()])

    @cached_property
    def _tokens(self) -> dict[int, str]:
        return {number: token for token, number in self._vocabulary.items()}

    @classmethod
    def from_pretrained(cls, directory: str | Path) -> Self:
        """The tokenizer of a checkpoint directory: tokenizer.json if there is one and it is used, else vocab.txt.

        Raises:
            FileMissingError: the directory has neither.
            BundleError: a file cannot be read, or a dictionary is needed beside vocab.txt.
        """
        directory = Path(directory)
        settings = read_settings(directory)
        if cls.uses_tokenizer_json and (directory / "tokenizer.json").is_file():
            return cls.from_tokenizer_json(read_text(directory / "tokenizer.json"), settings)
        check_expressible(settings)
        if (directory / "vocab.txt").is_file():
            return cls.from_vocab(directory / "vocab.txt", settings)
        wanted = "tokenizer.json or vocab.txt" if cls.uses_tokenizer_json else "vocab.txt"
        raise FileMissingError(
            f"no tokenizer was found in {directory}: put {wanted} there, or pass another directory as the tokenizer"
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
        return cls(write_wordpiece(vocab, settings or {}), settings or {})

    @classmethod
    def from_tokenizer_json(cls, text: str, settings: Mapping[str, Any] | None = None) -> Self:
        """A tokenizer from the text of a tokenizer.json.

        Raises:
            BundleError: the text is no tokenizer.json that this class can use.
        """
        return cls(text, settings)

    @abstractmethod
    def _open(self, file: TokenizerJson) -> None:
        """Get ready to split texts as the tokenizer.json says."""

    @abstractmethod
    def _templates(self) -> tuple[Template, Template]:
        """Where special tokens go around one text, and around two."""

    @abstractmethod
    def _split(self, text: str) -> Tokens:
        """The tokens of a text, without special tokens."""

    @abstractmethod
    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """The text that tokens are put together to."""

    @abstractmethod
    def save_vocabulary(self, save_directory: str | Path, filename_prefix: str | None = None) -> tuple[str, ...]:
        """Write the vocabulary alone, ``vocab.txt`` for WordPiece.

        Args:
            save_directory: where to; made if it is not there.
            filename_prefix: put before the names, with a hyphen.

        Returns:
            Paths of the files.
        """

    def encode_text(self, text: str) -> Tokens:
        """The tokens of a text with their offsets and words, without special tokens.

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
        return self._split(text)

    def encode_words(self, words: Sequence[str]) -> Tokens:
        """The tokens of a text that is given as its words; offsets are those in each word.

        Raises:
            InputTypeError: a word is not a string.
            InputError: a word cannot be encoded.
        """
        parts = [self.encode_text(word) for word in words]
        numbers = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
        offsets = np.concatenate([np.zeros((0, 2), np.int64), *(part.offsets for part in parts)])
        return Tokens(np.concatenate([np.zeros(0, np.int64), *(part.ids for part in parts)]), offsets, numbers)

    def shortened(self, tokens: Tokens, length: int) -> Tokens:
        """The tokens that are left when a text is cut to ``length`` of them."""
        excess = max(0, len(tokens) - max(0, length))
        return tokens[excess:] if self.truncation_side == "left" else tokens[: len(tokens) - excess]

    def tokenize(self, text: str, pair: str | None = None, add_special_tokens: bool = False) -> list[str]:
        """The tokens of a text, or of two one behind the other, as strings.

        Raises:
            InputTypeError: a text is no string.
            InputError: a text cannot be encoded.
        """
        texts = [self.encode_text(one) for one in (text, pair) if one is not None]
        return self.convert_ids_to_tokens(self._template(len(texts), add_special_tokens).row(*texts).ids.tolist())

    def single(self, first: Tokens) -> Encoding:
        """The model's row for one text."""
        return self._model_row(first)

    def pair(self, first: Tokens, second: Tokens) -> Encoding:
        """The model's row for two texts."""
        return self._model_row(first, second)

    def windows(
        self,
        text: Tokens,
        max_length: int,
        stride: int,
        before: Tokens | None = None,
        after: Tokens | None = None,
    ) -> list[Encoding]:
        """Rows of at most ``max_length`` tokens with successive parts of a text.

        Args:
            text: what is cut where it is too long.
            max_length: longest row, in tokens, special tokens included.
            stride: tokens of ``text`` that a row repeats from the row before.
            before: a text that is in every row, before the part of ``text``.
            after: the same, after the part of ``text``; at most one of the two can be given.

        Raises:
            InputError: there is no room for more than ``stride`` tokens of ``text``.
        """
        other = before if after is None else after
        special = self.num_special_tokens(pair=other is not None)
        room = max_length - len(other or ()) - special
        if room < 1 or (stride >= room and len(text) > room):
            first = "" if other is None else f"{len(other)} tokens of the first text and "
            shorten = "" if other is None else "shorten the first text, "
            raise InputError(
                f"{first}{special} special tokens leave {max(0, room)} of {max_length} for the text, where {stride} "
                f"are repeated: {shorten}allow longer rows or repeat less"
            )
        parts = [text[span] for span in spans_with_overlap(len(text), room, stride, self.truncation_side == "left")]
        if after is not None:
            return [self._model_row(part, after) for part in parts]
        return [self._model_row(part) if before is None else self._model_row(before, part) for part in parts]

    def num_special_tokens(self, pair: bool = False) -> int:
        """Special tokens around one text, or around a pair."""
        return len(self._pair if pair else self._single)

    def build_inputs_with_special_tokens(
        self, token_ids_0: Sequence[int], token_ids_1: Sequence[int] | None = None
    ) -> list[int]:
        """The ids of one text or two with special tokens around them."""
        ids: list[int] = self._row_of_ids(token_ids_0, token_ids_1).ids.tolist()
        return ids

    def create_token_type_ids_from_sequences(
        self, token_ids_0: Sequence[int], token_ids_1: Sequence[int] | None = None
    ) -> list[int]:
        """The ``token_type_ids`` of what build_inputs_with_special_tokens makes of the same ids."""
        types: list[int] = self._row_of_ids(token_ids_0, token_ids_1).type_ids.tolist()
        return types

    def get_special_tokens_mask(
        self,
        token_ids_0: Sequence[int],
        token_ids_1: Sequence[int] | None = None,
        already_has_special_tokens: bool = False,
    ) -> list[int]:
        """1 for each special token, 0 for others.

        Args:
            token_ids_0: ids of the first text; with ``already_has_special_tokens`` those of a whole row.
            token_ids_1: ids of the second text.
            already_has_special_tokens: False asks for the mask of what build_inputs_with_special_tokens makes.

        Raises:
            InputError: a whole row and a second text are given.
        """
        if not already_has_special_tokens:
            mask: list[int] = (self._row_of_ids(token_ids_0, token_ids_1).sequences < 0).astype(int).tolist()
            return mask
        if token_ids_1 is not None:
            raise InputError("a row that has its special tokens has no second text: pass token_ids_0 alone")
        special = set(self.all_special_ids)
        return [int(number in special) for number in token_ids_0]

    def get_vocab(self) -> dict[str, int]:
        """The ids of all tokens."""
        return dict(self._vocabulary)

    def token_id(self, token: str) -> int | None:
        """The id of a token, or None where the vocabulary lacks it."""
        return self._vocabulary.get(token)

    def convert_ids_to_tokens(self, ids: Iterable[int]) -> list[str]:
        """The token of each id; the unknown token where there is none."""
        return [self._tokens.get(int(number), self.unk_token) for number in ids]

    def convert_tokens_to_ids(self, tokens: Iterable[str]) -> Any:
        """The id of each token in a list, or of one token; that of the unknown token where the vocabulary lacks it."""
        if isinstance(tokens, str):
            return self._vocabulary.get(tokens, self.unk_token_id)
        return [self._vocabulary.get(token, self.unk_token_id) for token in tokens]

    def decode(
        self,
        ids: int | Iterable[int],
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
    ) -> str:
        """The text of ids.

        Args:
            ids: one or many; those without a token are left out.
            skip_special_tokens: leave special tokens out.
            clean_up_tokenization_spaces: take blanks before punctuation and English short forms away; by default what
                the setting of this name says.
        """
        numbers = [int(number) for number in np.atleast_1d(np.asarray(ids)).tolist()]
        skipped = self._special if skip_special_tokens else ()
        tokens = [self._tokens[number] for number in numbers if number in self._tokens and number not in skipped]
        text = self.convert_tokens_to_string(tokens)
        clean = clean_up_tokenization_spaces
        return tidy(text) if (self.settings["clean_up_tokenization_spaces"] if clean is None else clean) else text

    def __call__(
        self,
        text: str | Sequence[str] | Sequence[Sequence[str]],
        text_pair: str | Sequence[str] | Sequence[Sequence[str]] | None = None,
        *,
        add_special_tokens: bool = True,
        padding: bool | str = False,
        truncation: bool | str | None = None,
        max_length: int | None = None,
        stride: int = 0,
        return_overflowing_tokens: bool = False,
        return_offsets_mapping: bool = False,
        return_special_tokens_mask: bool = False,
        return_token_type_ids: bool | None = None,
        return_attention_mask: bool = True,
        return_tensors: str | None = None,
        is_split_into_words: bool = False,
    ) -> dict[str, Any]:
        """The model's inputs for a text or a list of texts, alone or in pairs.

        Args:
            text: a text, or a list of them.
            text_pair: what follows each text in its row; of the same form.
            add_special_tokens: put the special tokens around the texts.
            padding: True or "longest" makes all rows as long as the longest, "max_length" as ``max_length``; False or
                "do_not_pad" leaves them.
            truncation: True or "longest_first", "only_first" or "only_second" cut texts to ``max_length``; False or
                "do_not_truncate" leaves them. By default, they are cut where only ``max_length`` is given.
            max_length: tokens of a row; by default ``model_max_length``, without which nothing is padded to it or cut.
            stride: tokens that a row repeats from the row before.
            return_overflowing_tokens: give rows for what was cut off too, and ``overflow_to_sample_mapping`` [rows].
            return_offsets_mapping: give ``offset_mapping`` [rows, tokens, 2]: start and end in the text.
            return_special_tokens_mask: give ``special_tokens_mask`` [rows, tokens].
            return_token_type_ids: give ``token_type_ids`` [rows, tokens]; by default where the model is given them.
            return_attention_mask: give ``attention_mask`` [rows, tokens].
            return_tensors: "np" for numpy arrays, None for lists.
            is_split_into_words: a text is a list of its words, and several texts a list of such lists.

        Returns:
            ``input_ids`` [rows, tokens] and what else was asked for. One text gives lists without the first axis,
            unless ``return_overflowing_tokens`` or arrays are asked for.

        Raises:
            InputError: an option does not exist, the texts cannot be cut that short, or rows of several lengths were
                to be one array.
            InputTypeError: a text is no string.
        """
        one_of("padding", padding, PADDING)
        one_of("truncation", truncation, TRUNCATION)
        one_of("return_tensors", return_tensors, (None, "np"))
        whole_number("stride", stride, 0)
        if max_length is not None:
            whole_number("max_length", max_length, 1)
        if truncation is None:
            truncation = max_length is not None and padding is False
        limit = max_length or self.model_max_length
        rows: list[Encoding] = []
        samples: list[int] = []
        several, examples = examples_of(text, text_pair, is_split_into_words)
        for number, texts in enumerate(examples):
            found = self._rows(texts, add_special_tokens, truncation, limit, stride)
            found = found if return_overflowing_tokens else found[:1]
            rows += found
            samples += [number] * len(found)
        rows = padded(rows, padding, limit)
        columns = {"input_ids": [self._extend(row.ids, row, self.pad_token_id) for row in rows]}
        if self.gives_token_types if return_token_type_ids is None else return_token_type_ids:
            columns["token_type_ids"] = [self._extend(row.type_ids, row, 0) for row in rows]
        if return_attention_mask:
            columns["attention_mask"] = [self._extend(np.ones(len(row), np.int64), row, 0) for row in rows]
        if return_special_tokens_mask:
            columns["special_tokens_mask"] = [
                self._extend((row.sequences < 0).astype(np.int64), row, 1) for row in rows
            ]
        if return_offsets_mapping:
            columns["offset_mapping"] = [self._extend(row.offsets, row, 0) for row in rows]
        result: dict[str, Any] = arrays(columns) if return_tensors == "np" else lists(columns)
        if return_overflowing_tokens:
            result["overflow_to_sample_mapping"] = np.array(samples, np.int64) if return_tensors else samples
        elif not several and return_tensors is None:
            result = {name: column[0] for name, column in result.items()}
        return result

    def check_fits(self, config: ConvBertConfig) -> None:
        """Make sure that the model has an embedding for every token of the vocabulary.

        Special tokens that the vocabulary lacks may be without one: a model that never reads [MASK] needs none for it.

        Raises:
            InputError: it has not.
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
        """Make sure that the model has an embedding for every token of some rows.

        Raises:
            InputError: it has not; special tokens that the vocabulary lacks have no embedding, and can stand in a text.
        """
        if self._largest_id < config.vocab_size:
            return
        for row in rows:
            if len(row) and row.ids.max() >= config.vocab_size:
                token = self.convert_ids_to_tokens([int(row.ids.max())])[0]
                raise InputError(
                    f"the text has the token {token}, which the vocabulary lacks and the model has no embedding for: "
                    "take it out of the text"
                )

    def files(self) -> dict[str, str]:
        """The files of a directory that holds this tokenizer: their names and texts."""
        settings = {name: value for name, value in self.settings.items() if value is not None}
        tokens = {entry.pop("id"): entry for entry in self._added.to_list()}
        settings = {"added_tokens_decoder": tokens, **settings}
        return {
            "tokenizer.json": self.tokenizer_json,
            "tokenizer_config.json": json.dumps(settings, ensure_ascii=False, indent=2) + "\n",
        }

    def save_pretrained(self, save_directory: str | Path) -> tuple[str, ...]:
        """Write the tokenizer's files.

        Args:
            save_directory: where to; made if it is not there.

        Returns:
            Paths of the files.
        """
        return _write(Path(save_directory), self.files())

    def _template(self, texts: int, special: bool = True) -> Template:
        template = self._single if texts == 1 else self._pair
        return template if special else template.bare()

    def _rows(
        self, texts: tuple[Any, ...], special: bool, truncation: bool | str, limit: int | None, stride: int
    ) -> list[Encoding]:
        """The row for one text or two, and the rows for what was cut off."""
        tokens = tuple(self.encode_text(text) if isinstance(text, str) else self.encode_words(text) for text in texts)
        template = self._template(len(tokens), special)
        if truncation in (False, "do_not_truncate") or limit is None:
            return [template.row(*tokens)]
        strategy = "longest_first" if truncation is True else str(truncation)
        parts = cut(tokens, limit - len(template), stride, strategy, self.truncation_side == "left")
        return [template.row(*part) for part in parts]

    def _row_of_ids(self, first: Sequence[int], second: Sequence[int] | None) -> Encoding:
        texts = [Tokens.of(ids) for ids in (first, second) if ids is not None]
        return self._template(len(texts)).row(*texts)

    def _model_row(self, *texts: Tokens) -> Encoding:
        """The row as the model is given it: with token types of zero where the tokenizer has none."""
        row = self._template(len(texts)).row(*texts)
        return row if self.gives_token_types else replace(row, type_ids=np.zeros_like(row.type_ids))

    def _extend(self, values: np.ndarray[Any, Any], row: Encoding, filler: int) -> np.ndarray[Any, Any]:
        missing = max(0, row.padded_length - len(row))
        sides = (missing, 0) if self.padding_side == "left" else (0, missing)
        return np.pad(values, [sides] + [(0, 0)] * (values.ndim - 1), constant_values=filler)


_TIDIED = {
    " .": ".",
    " ?": "?",
    " !": "!",
    " ,": ",",
    " ' ": "'",
    " n't": "n't",
    " 'm": "'m",
    " 's": "'s",
    " 've": "'ve",
    " 're": "'re",
}


def tidy(text: str) -> str:
    """The text without the blanks that splitting has put before punctuation and English short forms."""
    for untidy, better in _TIDIED.items():
        text = text.replace(untidy, better)
    return text


def _write(directory: Path, files: Mapping[str, str]) -> tuple[str, ...]:
    with replacing(directory / min(files)) as path:  # one of them: they take their names together
        for name, text in files.items():
            path.with_name(name).write_text(text, encoding="utf-8")
    return tuple(str(directory / name) for name in files)
