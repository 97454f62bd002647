"""TokenizerBase: both tokenizers' API, named and called as the reference's."""

import json
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np

from convbert_onnx.errors import InputError
from convbert_onnx.files import replacing
from convbert_onnx.runtime.parameters import Padding, Truncation, check_choice, check_whole_number
from convbert_onnx.runtime.tokenization.batch_encoding import as_arrays, as_lists, pad, with_padded_length
from convbert_onnx.runtime.tokenization.clean_up import clean_up_tokenization
from convbert_onnx.runtime.tokenization.core import TokenizerCore
from convbert_onnx.runtime.tokenization.encoding import Encoding, IntArray, Tokens
from convbert_onnx.runtime.tokenization.text_inputs import TextInput, texts_of_rows
from convbert_onnx.runtime.tokenization.truncation import truncate

__all__ = ["TokenizerBase"]


class TokenizerBase(TokenizerCore):
    """A tokenizer with the methods of the reference's, which take the same arguments and return the same values.

    Arguments and attributes are those of :class:`TokenizerCore`.
    """

    @abstractmethod
    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """Join tokens to a text."""

    @abstractmethod
    def save_vocabulary(self, save_directory: str | Path, filename_prefix: str | None = None) -> tuple[str, ...]:
        """Write the vocabulary alone, ``vocab.txt`` for WordPiece.

        Args:
            save_directory: the directory; created if it does not exist.
            filename_prefix: put before the file names, with a hyphen.

        Returns:
            Paths of the files.
        """

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
    ) -> dict[str, Any]:  # each value is a list or an array, as the arguments ask
        """The model's inputs for a text or a list of texts, alone or in pairs.

        Args:
            text: a text, or a list of texts.
            text_pair: the second text of each row, in the same form.
            add_special_tokens: put the special tokens around the texts.
            padding: True or "longest" pads all rows to the longest, "max_length" to ``max_length``; False or
                "do_not_pad" does not pad.
            truncation: True or "longest_first", "only_first" or "only_second" cut texts to ``max_length``; False or
                "do_not_truncate" does not. By default, they are cut if only ``max_length`` is given.
            max_length: maximum tokens in a row; by default ``model_max_length``. If neither is set, nothing is cut or
                padded to it.
            stride: tokens that a row repeats from the row before.
            return_overflowing_tokens: return rows for the tokens that were cut off too, and
                ``overflow_to_sample_mapping`` [rows].
            return_offsets_mapping: return ``offset_mapping`` [rows, tokens, 2]: start and end in the text.
            return_special_tokens_mask: return ``special_tokens_mask`` [rows, tokens].
            return_token_type_ids: return ``token_type_ids`` [rows, tokens]; by default if the model distinguishes them.
            return_attention_mask: return ``attention_mask`` [rows, tokens].
            return_tensors: "np" for numpy arrays, None for lists.
            is_split_into_words: a text is a list of its words, and several texts a list of such lists.

        Returns:
            ``input_ids`` [rows, tokens] and what else was asked for. One text gives lists without the first axis,
            unless ``return_overflowing_tokens`` or arrays are asked for.

        Raises:
            InputError: an option does not exist, the texts cannot be cut that short, or rows of different lengths
                would form an array.
            InputTypeError: a text is not a string.
        """
        check_choice("padding", padding, get_args(Padding))
        check_choice("truncation", truncation, (None, *get_args(Truncation)))
        check_choice("return_tensors", return_tensors, (None, "np"))
        check_whole_number("stride", stride, 0)
        if max_length is not None:
            check_whole_number("max_length", max_length, 1)
        if truncation is None:
            truncation = max_length is not None and padding is False
        limit = max_length or self.model_max_length
        several, texts_by_row = texts_of_rows(text, text_pair, is_split_into_words)
        rows: list[Encoding] = []
        samples: list[int] = []
        for sample, texts in enumerate(texts_by_row):
            parts = self._rows(texts, add_special_tokens, truncation, limit, stride)
            parts = parts if return_overflowing_tokens else parts[:1]
            rows += parts
            samples += [sample] * len(parts)
        rows = with_padded_length(rows, padding, limit)
        columns = {"input_ids": [self._pad(row.ids, row, self.pad_token_id) for row in rows]}
        if self.returns_token_type_ids if return_token_type_ids is None else return_token_type_ids:
            columns["token_type_ids"] = [self._pad(row.type_ids, row, 0) for row in rows]
        if return_attention_mask:
            columns["attention_mask"] = [self._pad(np.ones(len(row), np.int64), row, 0) for row in rows]
        if return_special_tokens_mask:
            columns["special_tokens_mask"] = [self._pad(_special_tokens_mask(row), row, 1) for row in rows]
        if return_offsets_mapping:
            columns["offset_mapping"] = [self._pad(row.offsets, row, 0) for row in rows]
        result: dict[str, Any] = {**(as_arrays(columns) if return_tensors == "np" else as_lists(columns))}
        if return_overflowing_tokens:
            result["overflow_to_sample_mapping"] = np.array(samples, np.int64) if return_tensors else samples
        elif not several and return_tensors is None:
            result = {name: column[0] for name, column in result.items()}
        return result

    def tokenize(self, text: str, pair: str | None = None, add_special_tokens: bool = False) -> list[str]:
        """The tokens of a text, or of two in sequence, as strings.

        Raises:
            InputTypeError: a text is not a string.
            InputError: a text cannot be encoded.
        """
        texts = [self.encode_text(one) for one in (text, pair) if one is not None]
        return self.convert_ids_to_tokens(self._template(len(texts), add_special_tokens).row(*texts).ids.tolist())

    def decode(
        self,
        ids: int | Iterable[int],
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
    ) -> str:
        """The text of one id or many.

        Args:
            ids: the ids; those without a token are skipped.
            skip_special_tokens: skip special tokens.
            clean_up_tokenization_spaces: remove blanks before punctuation and English contractions; by default as the
                setting of this name says.
        """
        numbers = [int(number) for number in np.atleast_1d(np.asarray(ids)).tolist()]
        skipped = self._special_ids if skip_special_tokens else ()
        tokens = [self._tokens[number] for number in numbers if number in self._tokens and number not in skipped]
        text = self.convert_tokens_to_string(tokens)
        if clean_up_tokenization_spaces is None:
            clean_up_tokenization_spaces = self.settings["clean_up_tokenization_spaces"]
        return clean_up_tokenization(text) if clean_up_tokenization_spaces else text

    def build_inputs_with_special_tokens(
        self, token_ids_0: Sequence[int], token_ids_1: Sequence[int] | None = None
    ) -> list[int]:
        """Put special tokens around the ids of one text or two."""
        ids: list[int] = self._row_of_ids(token_ids_0, token_ids_1).ids.tolist()
        return ids

    def create_token_type_ids_from_sequences(
        self, token_ids_0: Sequence[int], token_ids_1: Sequence[int] | None = None
    ) -> list[int]:
        """The ``token_type_ids`` of the row that build_inputs_with_special_tokens returns for the same ids."""
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
            already_has_special_tokens: if False, the mask is for the row that build_inputs_with_special_tokens returns.

        Raises:
            InputError: a whole row and a second text are given.
        """
        if not already_has_special_tokens:
            mask: list[int] = _special_tokens_mask(self._row_of_ids(token_ids_0, token_ids_1)).tolist()
            return mask
        if token_ids_1 is not None:
            raise InputError("a row that has its special tokens has no second text: pass token_ids_0 alone")
        special = set(self.all_special_ids)
        return [int(number in special) for number in token_ids_0]

    def files(self) -> dict[str, str]:
        """The files of a directory that holds this tokenizer, as name -> text."""
        settings = {name: value for name, value in self.settings.items() if value is not None}
        tokens = {str(entry.pop("id")): entry for entry in self._added_tokens.to_list()}
        settings = {"added_tokens_decoder": tokens, **settings}
        return {
            "tokenizer.json": self.tokenizer_json,
            "tokenizer_config.json": json.dumps(settings, ensure_ascii=False, indent=2) + "\n",
        }

    def save_pretrained(self, save_directory: str | Path) -> tuple[str, ...]:
        """Write the tokenizer's files.

        Args:
            save_directory: the directory; created if it does not exist.

        Returns:
            Paths of the files.
        """
        directory, files = Path(save_directory), self.files()
        with replacing(directory / min(files)) as path:  # the other files move into place together with this one
            for name, text in files.items():
                path.with_name(name).write_text(text, encoding="utf-8")
        return tuple(str(directory / name) for name in files)

    def _rows(
        self,
        texts: tuple[TextInput, ...],
        special: bool,
        truncation: bool | str,
        max_length: int | None,
        stride: int,
    ) -> list[Encoding]:
        """The row for one text or two, then the rows for the tokens that were cut off."""
        tokens = tuple(self.encode_text(text) if isinstance(text, str) else self.encode_words(text) for text in texts)
        template = self._template(len(tokens), special)
        if truncation in (False, "do_not_truncate") or max_length is None:
            return [template.row(*tokens)]
        strategy = "longest_first" if truncation is True else str(truncation)
        parts = truncate(tokens, max_length - len(template), stride, strategy, self.truncation_side)
        return [template.row(*part) for part in parts]

    def _row_of_ids(self, first: Sequence[int], second: Sequence[int] | None) -> Encoding:
        texts = [Tokens.from_ids(ids) for ids in (first, second) if ids is not None]
        return self._template(len(texts)).row(*texts)

    def _pad(self, values: IntArray, row: Encoding, filler: int) -> IntArray:
        return pad(values, row, filler, self.padding_side)


def _special_tokens_mask(row: Encoding) -> IntArray:
    return (row.sequences < 0).astype(np.int64)
