"""The tokenizer.json of BERT's WordPiece, written and read without the tokenizers library."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from convbert_onnx.errors import BundleError
from convbert_onnx.runtime.bert_text import BertNormalizer
from convbert_onnx.runtime.encoding import Template
from convbert_onnx.runtime.tokenizer_settings import SPECIAL_TOKENS, check_expressible, clean_settings

__all__ = ["AddedToken", "WordPieceFile", "read_vocabulary", "read_wordpiece", "vocabulary_text", "write_wordpiece"]


@dataclass(frozen=True)
class AddedToken:
    """A token that is found in the raw text, before anything else is done with it."""

    number: int
    content: str
    special: bool


@dataclass(frozen=True)
class WordPieceFile:
    """What a tokenizer.json of BERT's WordPiece says.

    Attributes:
        vocabulary: ids of the pieces.
        unknown: the token for words that cannot be put together.
        prefix: what marks a piece that does not start a word.
        longest_word: characters beyond which a word is unknown.
        normalizer: from text to normalized text.
        added: tokens that are found in the raw text.
        single: special tokens around one text.
        pair: special tokens around two.
        decoder_prefix: what the decoder takes off to join pieces.
        decoder_cleanup: whether it takes blanks before punctuation away.
    """

    vocabulary: Mapping[str, int]
    unknown: str
    prefix: str
    longest_word: int
    normalizer: BertNormalizer
    added: tuple[AddedToken, ...]
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
        # Not splitlines(): some vocabularies have line separators other than these among their tokens.
        lines = Path(path).read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        raise BundleError(f"{path} is not UTF-8 ({error}): save the vocabulary again") from error
    return {token: number for number, token in enumerate(lines)}


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
        BundleError: the file lacks a special token or is not UTF-8, or the settings ask for more than WordPiece.
    """
    check_expressible(settings)
    values = clean_settings(settings)
    vocabulary = read_vocabulary(path)
    specials = [values[f"{name}_token"] for name in SPECIAL_TOKENS]
    if missing := [token for token in specials if token not in vocabulary]:
        raise BundleError(f"{path} lacks the special tokens {', '.join(missing)}: name them in tokenizer_config.json")
    cls_token, sep_token = values["cls_token"], values["sep_token"]
    first = [_special(cls_token, 0), _sequence("A", 0), _special(sep_token, 0)]
    content = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            _added(vocabulary[token], token) for token in sorted(set(specials), key=vocabulary.__getitem__)
        ],
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
            "unk_token": values["unk_token"],
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": vocabulary,
        },
    }
    return json.dumps(content, ensure_ascii=False)


def read_wordpiece(text: str) -> WordPieceFile:
    """What a tokenizer.json says, where it is BERT's WordPiece.

    Raises:
        BundleError: it is not, or the text is no tokenizer.json.
    """
    try:
        content = json.loads(text)
        _check_kind(content)
        return _read(content)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
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
    reasons += [
        f"the added token {token['content']!r} that is looked for in its own way"
        for token in content["added_tokens"]
        if any(token[flag] for flag in ("single_word", "lstrip", "rstrip", "normalized"))
    ]
    if reasons:
        raise BundleError(
            f"the tokenizer.json is not BERT's WordPiece and needs the tokenizers library, for it has "
            f"{', '.join(reasons)}: pip install tokenizers"
        )


def _read(content: Mapping[str, Any]) -> WordPieceFile:
    model, normalizer, decoder = content["model"], content["normalizer"], content["decoder"]
    if model["unk_token"] not in model["vocab"]:
        raise BundleError(
            f"the vocabulary of the tokenizer.json lacks {model['unk_token']}, its token for unknown words: save the "
            "tokenizer again"
        )
    strip = normalizer["strip_accents"]
    single, pair = _read_templates(content["post_processor"])
    return WordPieceFile(
        vocabulary=model["vocab"],
        unknown=model["unk_token"],
        prefix=model["continuing_subword_prefix"],
        longest_word=model["max_input_chars_per_word"],
        normalizer=BertNormalizer(
            clean_text=normalizer["clean_text"],
            handle_chinese_chars=normalizer["handle_chinese_chars"],
            strip_accents=normalizer["lowercase"] if strip is None else strip,
            lowercase=normalizer["lowercase"],
        ),
        added=tuple(
            AddedToken(token["id"], token["content"], token["special"])
            for token in content["added_tokens"]
            if token["content"]
        ),
        single=single,
        pair=pair,
        decoder_prefix=decoder["prefix"],
        decoder_cleanup=decoder["cleanup"],
    )


def _read_templates(processor: Mapping[str, Any]) -> tuple[Template, Template]:
    if processor["type"] == "BertProcessing":
        (_, cls_id), (_, sep_id) = processor["cls"], processor["sep"]
        ids = {"cls": [cls_id], "sep": [sep_id]}
        first = [_special("cls", 0), _sequence("A", 0), _special("sep", 0)]
        return _template(first, ids), _template([*first, _sequence("B", 1), _special("sep", 1)], ids)
    ids = {name: special["ids"] for name, special in processor["special_tokens"].items()}
    return _template(processor["single"], ids), _template(processor["pair"], ids)


def _template(pieces: list[dict[str, Any]], ids: Mapping[str, list[int]]) -> Template:
    special_ids: list[list[int]] = [[]]
    special_types: list[list[int]] = [[]]
    text_types: list[int] = []
    for piece in pieces:
        ((kind, values),) = piece.items()
        if kind == "Sequence":
            if values["id"] != "AB"[len(text_types)]:
                raise BundleError(
                    "the tokenizer.json puts the second text first and needs the tokenizers library: pip install "
                    "tokenizers"
                )
            text_types.append(values["type_id"])
            special_ids.append([])
            special_types.append([])
        else:
            special_ids[-1] += ids[values["id"]]
            special_types[-1] += [values["type_id"]] * len(ids[values["id"]])
    return Template(
        special_ids=tuple(np.array(place, np.int64) for place in special_ids),
        special_types=tuple(np.array(place, np.int64) for place in special_types),
        text_types=tuple(text_types),
    )


def _special(token: str, type_id: int) -> dict[str, Any]:
    return {"SpecialToken": {"id": token, "type_id": type_id}}


def _sequence(name: str, type_id: int) -> dict[str, Any]:
    return {"Sequence": {"id": name, "type_id": type_id}}


def _added(number: int, token: str) -> dict[str, Any]:
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {"id": number, "content": token, **flags}
