"""The tokenizer.json of BERT's WordPiece, written and read without the tokenizers library."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from reprlib import repr as short
from typing import Any, TypeVar

import numpy as np

from convbert_onnx.errors import BundleError
from convbert_onnx.runtime.tokenization.encoding import Template
from convbert_onnx.runtime.tokenization.normalization import BertNormalizer
from convbert_onnx.runtime.tokenization.settings import SPECIAL_TOKENS, check_expressible, clean_settings

__all__ = ["WordPieceFile", "read_vocabulary", "read_wordpiece", "vocabulary_text", "write_wordpiece"]

_Value = TypeVar("_Value")


@dataclass(frozen=True)
class WordPieceFile:
    """What a tokenizer.json of BERT's WordPiece says.

    Attributes:
        unknown: the token for words that cannot be put together.
        prefix: what marks a piece that does not start a word.
        longest_word: characters beyond which a word is unknown.
        normalizer: from text to normalized text.
        single: special tokens around one text.
        pair: special tokens around two.
        decoder_prefix: what the decoder takes off to join pieces.
        decoder_cleanup: whether it takes blanks before punctuation away.
    """

    unknown: str
    prefix: str
    longest_word: int
    normalizer: BertNormalizer
    single: Template
    pair: Template
    decoder_prefix: str
    decoder_cleanup: bool


def read_vocabulary(path: str | Path) -> dict[str, int]:
    """The tokens of a vocab.txt and their ids; of equal lines the last one counts.

    Raises:
        BundleError: the file is not UTF-8.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BundleError(f"{path} is not UTF-8 ({error}): save the vocabulary again") from error
    # Not splitlines(): some vocabularies have line separators other than these among their tokens.
    return {token: number for number, token in enumerate(text.removesuffix("\n").split("\n"))} if text else {}


def vocabulary_text(vocabulary: Mapping[str, int]) -> str:
    """A vocab.txt that is read as this vocabulary."""
    last = max(vocabulary, key=vocabulary.__getitem__, default="")
    # An id without a token gets the last token, which a reader forgets when it meets it again.
    lines = [last] * (vocabulary.get(last, -1) + 1)
    for token, number in vocabulary.items():
        lines[number] = token
    return "".join(line + "\n" for line in lines)


def write_wordpiece(path: str | Path, settings: Mapping[str, Any]) -> str:
    """The tokenizer.json for a vocab.txt, as the reference builds it.

    Args:
        path: the vocab.txt.
        settings: entries of tokenizer_config.json.

    Raises:
        BundleError: the file lacks a special token that stands in every row, or is not UTF-8, or the settings ask for
            more than WordPiece.
    """
    check_expressible(settings)
    values = clean_settings(settings)
    vocabulary = read_vocabulary(path)
    cls_token, sep_token = (values[f"{role}_token"] or SPECIAL_TOKENS[role] for role in ("cls", "sep"))
    if missing := [token for token in (cls_token, sep_token) if token not in vocabulary]:
        raise BundleError(f"{path} lacks the special tokens {', '.join(missing)}: name them in tokenizer_config.json")
    first = [_special(cls_token, 0), _sequence("A", 0), _special(sep_token, 0)]
    content: dict[str, Any] = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": values["tokenize_chinese_chars"],
            "strip_accents": values["strip_accents"],
            "lowercase": values["do_lower_case"],
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": first,
            "pair": [*first, _sequence("B", 1), _special(sep_token, 1)],
            "special_tokens": {
                token: {"id": token, "ids": [vocabulary[token]], "tokens": [token]} for token in (cls_token, sep_token)
            },
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": values["unk_token"] or SPECIAL_TOKENS["unk"],
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": vocabulary,
        },
    }
    return json.dumps(content, ensure_ascii=False)


def read_wordpiece(content: Mapping[str, Any]) -> WordPieceFile:
    """What a tokenizer.json holds, where it is BERT's WordPiece.

    Raises:
        BundleError: it is not, or a part is missing or of the wrong type.
    """
    try:
        _check_kind(content)
        return _read(content)
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
        if isinstance(error, BundleError):
            raise
        raise BundleError(f"the tokenizer.json cannot be read ({error!r}): save the tokenizer again") from error


def _check_kind(content: Mapping[str, Any]) -> None:
    kinds = {"model": "WordPiece", "normalizer": "BertNormalizer", "pre_tokenizer": "BertPreTokenizer"}
    kinds |= {"post_processor": "TemplateProcessing", "decoder": "WordPiece"}
    found = {part: (content[part] or {}).get("type") for part in kinds}
    # The reference's converter has written BertProcessing in its early days.
    if found["post_processor"] == "BertProcessing":
        found["post_processor"] = "TemplateProcessing"
    reasons = [f"{part} {found[part]} instead of {kind}" for part, kind in kinds.items() if found[part] != kind]
    if reasons:
        raise BundleError(
            f"the tokenizer.json is not BERT's WordPiece and needs the tokenizers library, for it has "
            f"{', '.join(reasons)}: pip install tokenizers"
        )


def _read(content: Mapping[str, Any]) -> WordPieceFile:
    model, normalizer, decoder = content["model"], content["normalizer"], content["decoder"]
    strip, lowercase = normalizer.get("strip_accents"), _typed(normalizer["lowercase"], bool)
    single, pair = _read_templates(content["post_processor"])
    return WordPieceFile(
        unknown=_typed(model["unk_token"], str),
        prefix=_typed(model["continuing_subword_prefix"], str),
        longest_word=_typed(model["max_input_chars_per_word"], int),
        normalizer=BertNormalizer(
            clean_text=_typed(normalizer["clean_text"], bool),
            handle_chinese_chars=_typed(normalizer["handle_chinese_chars"], bool),
            strip_accents=lowercase if strip is None else _typed(strip, bool),
            lowercase=lowercase,
        ),
        single=single,
        pair=pair,
        decoder_prefix=_typed(decoder["prefix"], str),
        decoder_cleanup=_typed(decoder["cleanup"], bool),
    )


def _typed(value: Any, kind: type[_Value]) -> _Value:
    if not isinstance(value, kind):
        raise TypeError(f"{short(value)} is not of the type {kind.__name__}")
    return value


def _id(value: Any) -> int:
    if _typed(value, int) < 0:
        raise ValueError(f"{value} is not an id")
    return int(value)


def _read_templates(processor: Mapping[str, Any]) -> tuple[Template, Template]:
    if processor["type"] == "BertProcessing":
        (_, cls_id), (_, sep_id) = processor["cls"], processor["sep"]
        ids = {"cls": [_id(cls_id)], "sep": [_id(sep_id)]}
        first = [_special("cls", 0), _sequence("A", 0), _special("sep", 0)]
        return _template(first, ids, 1), _template([*first, _sequence("B", 1), _special("sep", 1)], ids, 2)
    ids = {name: [_id(number) for number in token["ids"]] for name, token in processor["special_tokens"].items()}
    return _template(processor["single"], ids, 1), _template(processor["pair"], ids, 2)


def _template(pieces: list[dict[str, Any]], ids: Mapping[str, list[int]], texts: int) -> Template:
    special_ids: list[list[int]] = [[]]
    special_types: list[list[int]] = [[]]
    text_types: list[int] = []
    order: list[str] = []
    for piece in pieces:
        ((kind, values),) = piece.items()
        if kind == "Sequence":
            order.append(values["id"])
            text_types.append(_typed(values["type_id"], int))
            special_ids.append([])
            special_types.append([])
        else:
            special_ids[-1] += ids[values["id"]]
            special_types[-1] += [_typed(values["type_id"], int)] * len(ids[values["id"]])
    if order != ["A", "B"][:texts]:
        raise BundleError(
            "the tokenizer.json does not put the first text before the second and needs the tokenizers library: pip "
            "install tokenizers"
        )
    return Template(
        special_ids=tuple(np.array(place, np.int64) for place in special_ids),
        special_types=tuple(np.array(place, np.int64) for place in special_types),
        text_types=tuple(text_types),
    )


def _special(token: str, type_id: int) -> dict[str, Any]:
    return {"SpecialToken": {"id": token, "type_id": type_id}}


def _sequence(name: str, type_id: int) -> dict[str, Any]:
    return {"Sequence": {"id": name, "type_id": type_id}}
