"""A tokenizer.json together with the settings beside it, as the reference's classes put them together."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from reprlib import repr as short
from typing import Any, Self

from convbert_onnx.errors import BundleError
from convbert_onnx.runtime.tokenization.added_tokens import AddedToken, AddedTokens
from convbert_onnx.runtime.tokenization.limits import check_cost
from convbert_onnx.runtime.tokenization.settings import (
    clean_settings,
    normalizer_settings,
    read_json_object,
    token_content,
)

__all__ = ["TokenizerJson"]

_SPECIAL = (
    *(f"{role}_token" for role in ("bos", "eos", "unk", "sep", "pad", "cls", "mask")),
    "additional_special_tokens",
)
"""The settings that name special tokens, in the order in which missing ones get their ids."""


@dataclass(frozen=True)
class TokenizerJson:
    """A tokenizer.json that needs no settings any more.

    Attributes:
        text: the file; as it was where the settings change nothing.
        content: what it holds.
        settings: the settings, cleaned.
        vocabulary: the model's tokens and their ids.
        added: the added tokens.
    """

    text: str
    content: dict[str, Any]
    settings: dict[str, Any]
    vocabulary: dict[str, int]
    added: AddedTokens

    @classmethod
    def read(cls, text: str, settings: Mapping[str, Any] | None) -> Self:
        """Put a tokenizer.json and the settings beside it together.

        The settings decide about lower-casing, accents and Chinese characters where the reference's class lets them,
        and add their tokens to those of the file. Without settings, the file is taken as it is.

        Raises:
            BundleError: the text is not a tokenizer.json, a setting is of the wrong type, or a part of the file lets
                the cost of a text grow without bound.
        """
        content = read_json_object(text, "the tokenizer.json")
        check_cost(content)
        vocabulary = _vocabulary(content)
        listed = content.get("added_tokens") or []
        if not isinstance(listed, list):
            raise BundleError("added_tokens in the tokenizer.json must be a list: save the tokenizer again")
        added = AddedTokens(vocabulary, map(AddedToken.from_dict, listed))
        clean = clean_settings(_with_sides(_own_settings(content) if settings is None else settings, content))
        if settings is not None:
            changed = _set_normalizer(content, clean) | _set_prefix_space(content, clean)
            before = dict(added.tokens)
            for token in _tokens_to_add(settings, clean, added):
                added.add(token)
            if added.tokens != before:
                content["added_tokens"] = added.to_list()
                changed = True
            if changed:
                text = json.dumps(content, ensure_ascii=False)
        return cls(text, content, clean, vocabulary, added)


def _vocabulary(content: Mapping[str, Any]) -> dict[str, int]:
    model = content.get("model")
    tokens = model.get("vocab") if isinstance(model, Mapping) else None
    if isinstance(tokens, list) and all(isinstance(entry, list) and entry for entry in tokens):
        tokens = {entry[0]: number for number, entry in enumerate(tokens) if isinstance(entry[0], str)}
    if not isinstance(tokens, dict) or not all(
        type(number) is int and 0 <= number < 2**32 for number in tokens.values()
    ):
        raise BundleError(
            "the tokenizer.json cannot be read, its model has no vocabulary of tokens and ids: save the tokenizer again"
        )
    return tokens


def _own_settings(content: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that say what the file says."""
    normalizer, splitter = (content.get(part) for part in ("normalizer", "pre_tokenizer"))
    settings: dict[str, Any] = {}
    if isinstance(normalizer, Mapping) and normalizer.get("type") == "BertNormalizer":
        names = {"lowercase": "do_lower_case", "handle_chinese_chars": "tokenize_chinese_chars"}
        settings = {str(names.get(name, name)): value for name, value in normalizer.items()}
    if isinstance(splitter, Mapping):
        settings["add_prefix_space"] = splitter.get("add_prefix_space")
    return settings


def _with_sides(settings: Mapping[str, Any], content: Mapping[str, Any]) -> dict[str, Any]:
    """The settings, with the sides that a tokenizer.json cuts and pads on where they name none."""
    values = dict(settings)
    for part, name in (("truncation", "truncation_side"), ("padding", "padding_side")):
        found = content.get(part)
        direction = found.get("direction") if isinstance(found, Mapping) else None
        if values.get(name) is None and isinstance(direction, str):
            values[name] = direction.lower()
    return values


def _set_normalizer(content: dict[str, Any], settings: Mapping[str, Any]) -> bool:
    normalizer = content.get("normalizer")
    if not isinstance(normalizer, Mapping) or normalizer.get("type") != "BertNormalizer":
        return False
    wanted = {**normalizer, **normalizer_settings(settings)}
    content["normalizer"] = wanted
    return wanted != normalizer


def _set_prefix_space(content: dict[str, Any], settings: Mapping[str, Any]) -> bool:
    """Let the settings decide whether a byte-level tokenizer puts a blank before a text."""
    splitter, wanted = content.get("pre_tokenizer"), settings["add_prefix_space"]
    if wanted is None or not isinstance(splitter, Mapping) or splitter.get("type") != "ByteLevel":
        return False
    content["pre_tokenizer"] = {**splitter, "add_prefix_space": wanted}
    return bool(splitter.get("add_prefix_space") != wanted)


def _tokens_to_add(settings: Mapping[str, Any], clean: Mapping[str, Any], added: AddedTokens) -> Iterator[AddedToken]:
    """The tokens that the settings list, then the special tokens that neither they nor the file have."""
    named: dict[str, AddedToken] = {}
    for name in _SPECIAL:
        given = settings.get(name) or clean.get(name)
        for value in given if isinstance(given, list) else [given] if given else []:
            content = token_content(value, name)
            flags = value if isinstance(value, Mapping) else {}
            token = AddedToken.from_dict({"normalized": False, **flags, "content": content})
            named.setdefault(content, replace(token, special=True))
    for content in clean["additional_special_tokens"] or ():
        named.setdefault(content, AddedToken(content, normalized=False, special=True))
    listed = list(_listed(settings, added))
    told = {token.content for token in listed} | added.ids.keys()
    yield from (replace(token, special=token.special or token.content in named) for token in listed)
    yield from (token for content, token in named.items() if content not in told)


def _listed(settings: Mapping[str, Any], added: AddedTokens) -> Iterator[AddedToken]:
    """The tokens of added_tokens_decoder, or of the older added_tokens.json where the file lacks them, by their ids."""
    for name in ("added_tokens_decoder", "added_tokens"):
        table = settings.get(name) or {}
        if not isinstance(table, Mapping):
            raise BundleError(f"{name} of a tokenizer must be an object, not {short(table)}: save the tokenizer again")
        try:
            if name == "added_tokens":
                missing = [content for content in table if content not in added.ids]
                yield from (AddedToken(content) for content in sorted(missing, key=lambda content: int(table[content])))
            else:
                yield from (AddedToken.from_dict(table[key]) for key in sorted(table, key=int))
        except BundleError:
            raise
        except (TypeError, ValueError, OverflowError) as error:
            raise BundleError(f"ids of added tokens must be numbers ({error}): save the tokenizer again") from error
