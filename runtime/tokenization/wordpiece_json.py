"""The tokenizer.json of BERT's WordPiece: built from a vocab.txt, and parsed without the tokenizers library."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from reprlib import repr as short
from typing import TypeVar

import numpy as np

from convbert_onnx.errors import BundleError
from convbert_onnx.runtime.tokenization.encoding import Template
from convbert_onnx.runtime.tokenization.json_files import JsonObject
from convbert_onnx.runtime.tokenization.normalization import BertNormalizer
from convbert_onnx.runtime.tokenization.settings import Settings, clean_settings, refuse_dictionaries, special_tokens
from convbert_onnx.runtime.tokenization.vocabulary import read_vocabulary

__all__ = ["WordPieceJson", "build_wordpiece_json", "parse_wordpiece_json"]

_KINDS = {
    "model": "WordPiece",
    "normalizer": "BertNormalizer",
    "pre_tokenizer": "BertPreTokenizer",
    "post_processor": "TemplateProcessing",
    "decoder": "WordPiece",
}
"""The type of each part in the tokenizer.json of BERT's WordPiece."""

_Value = TypeVar("_Value")


@dataclass(frozen=True)
class WordPieceJson:
    """The content of a tokenizer.json of BERT's WordPiece.

    Attributes:
        unk_token: the token for words that cannot be split into pieces.
        prefix: the prefix of a piece that continues a word.
        max_word_chars: maximum characters in a word; longer words are unknown.
        normalizer: from text to normalized text.
        single: special tokens around one text.
        pair: special tokens around two texts.
        decoder_prefix: the prefix that the decoder removes to join pieces.
        decoder_cleanup: whether the decoder removes blanks before punctuation.
    """

    unk_token: str
    prefix: str
    max_word_chars: int
    normalizer: BertNormalizer
    single: Template
    pair: Template
    decoder_prefix: str
    decoder_cleanup: bool


def build_wordpiece_json(vocab: str | Path, settings: Settings) -> str:
    """Build the tokenizer.json for a vocab.txt, as the reference does.

    Args:
        vocab: the vocab.txt.
        settings: entries of tokenizer_config.json.

    Raises:
        BundleError: the file lacks the [CLS] or [SEP] token, or is not UTF-8, or the settings ask for more than
            WordPiece.
    """
    refuse_dictionaries(settings)
    values = clean_settings(settings)
    vocabulary = read_vocabulary(vocab)
    tokens = special_tokens(values)
    cls_token, sep_token = tokens["cls"], tokens["sep"]
    if missing := [token for token in (cls_token, sep_token) if token not in vocabulary]:
        raise BundleError(f"{vocab} lacks the special tokens {', '.join(missing)}: name them in tokenizer_config.json")
    single, pair = _bert_templates(cls_token, sep_token)
    content: JsonObject = {
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
            "single": single,
            "pair": pair,
            "special_tokens": {
                token: {"id": token, "ids": [vocabulary[token]], "tokens": [token]} for token in (cls_token, sep_token)
            },
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": tokens["unk"],
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": vocabulary,
        },
    }
    return json.dumps(content, ensure_ascii=False)


def parse_wordpiece_json(content: Mapping[str, object]) -> WordPieceJson:
    """Parse the content of a tokenizer.json of BERT's WordPiece.

    Raises:
        BundleError: the content is of another kind, or a part is missing or has the wrong type.
    """
    try:
        _check_kinds(content)
        return _parse(content)
    except (ValueError, LookupError, TypeError, OverflowError) as error:
        if isinstance(error, BundleError):
            raise
        raise BundleError(f"the tokenizer.json cannot be read ({error!r}): save the tokenizer again") from error


def _check_kinds(content: Mapping[str, object]) -> None:
    kinds = {part: _object(content[part] or {}).get("type") for part in _KINDS}
    # Early versions of the reference's converter wrote BertProcessing.
    if kinds["post_processor"] == "BertProcessing":
        kinds["post_processor"] = "TemplateProcessing"
    if reasons := [f"{part} {kinds[part]} instead of {kind}" for part, kind in _KINDS.items() if kinds[part] != kind]:
        raise BundleError(
            f"the tokenizer.json is not BERT's WordPiece and needs the tokenizers library, because it has "
            f"{', '.join(reasons)}: pip install tokenizers"
        )


def _parse(content: Mapping[str, object]) -> WordPieceJson:
    model, normalizer, decoder = (_object(content[part]) for part in ("model", "normalizer", "decoder"))
    strip, lowercase = normalizer.get("strip_accents"), _typed(normalizer["lowercase"], bool)
    single, pair = _parse_templates(_object(content["post_processor"]))
    return WordPieceJson(
        unk_token=_typed(model["unk_token"], str),
        prefix=_typed(model["continuing_subword_prefix"], str),
        max_word_chars=_typed(model["max_input_chars_per_word"], int),
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


def _parse_templates(processor: Mapping[str, object]) -> tuple[Template, Template]:
    """The templates for one text and for two."""
    if processor["type"] == "BertProcessing":
        ids = {name: [_id(_pair(processor[name])[1])] for name in ("cls", "sep")}
        single, pair = _bert_templates("cls", "sep")
        return _template(single, ids, ["A"]), _template(pair, ids, ["A", "B"])
    tokens = _object(processor["special_tokens"])
    ids = {name: [_id(number) for number in _typed(_object(token)["ids"], list)] for name, token in tokens.items()}
    return _template(processor["single"], ids, ["A"]), _template(processor["pair"], ids, ["A", "B"])


def _template(pieces: object, ids: Mapping[str, list[int]], texts: list[str]) -> Template:
    """Convert the pieces of a template in a tokenizer.json.

    Args:
        pieces: the list of its pieces.
        ids: ids of each special token.
        texts: names of the texts, in the order in which they must occur.
    """
    special_ids: list[list[int]] = [[]]
    special_types: list[list[int]] = [[]]
    text_types: list[int] = []
    order: list[str] = []
    for piece in _typed(pieces, list):
        ((kind, value),) = _object(piece).items()
        name, type_id = _typed(_object(value)["id"], str), _typed(_object(value)["type_id"], int)
        if kind == "Sequence":
            order.append(name)
            text_types.append(type_id)
            special_ids.append([])
            special_types.append([])
        else:
            special_ids[-1] += ids[name]
            special_types[-1] += [type_id] * len(ids[name])
    if order != texts:
        raise BundleError(
            "the tokenizer.json does not put the first text before the second and needs the tokenizers library: pip "
            "install tokenizers"
        )
    return Template(
        special_ids=tuple(np.array(place, np.int64) for place in special_ids),
        special_types=tuple(np.array(place, np.int64) for place in special_types),
        text_types=tuple(text_types),
    )


def _bert_templates(cls_token: str, sep_token: str) -> tuple[list[JsonObject], list[JsonObject]]:
    """BERT's templates for one text and for two, as pieces of a tokenizer.json."""
    single = [_special(cls_token, 0), _sequence("A", 0), _special(sep_token, 0)]
    return single, [*single, _sequence("B", 1), _special(sep_token, 1)]


def _special(token: str, type_id: int) -> JsonObject:
    return {"SpecialToken": {"id": token, "type_id": type_id}}


def _sequence(name: str, type_id: int) -> JsonObject:
    return {"Sequence": {"id": name, "type_id": type_id}}


def _object(value: object) -> JsonObject:
    return _typed(value, dict)


def _pair(value: object) -> list[object]:
    if len(pair := _typed(value, list)) != 2:
        raise ValueError(f"{short(value)} is not a pair")
    return pair


def _id(value: object) -> int:
    number = _typed(value, int)
    if number < 0:
        raise ValueError(f"{number} is not an id")
    return number


def _typed(value: object, kind: type[_Value]) -> _Value:
    if not isinstance(value, kind):
        raise TypeError(f"{short(value)} is not of the type {kind.__name__}")
    return value
