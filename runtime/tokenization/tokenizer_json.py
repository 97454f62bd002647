"""A tokenizer.json combined with the settings next to it, as in the reference's classes."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from reprlib import repr as short
from typing import Self

from convbert_onnx.errors import BundleError
from convbert_onnx.runtime.tokenization.added_tokens import AddedToken, AddedTokens
from convbert_onnx.runtime.tokenization.cost_limits import check_cost
from convbert_onnx.runtime.tokenization.json_files import JsonObject, read_json_object
from convbert_onnx.runtime.tokenization.settings import (
    CleanSettings,
    Settings,
    clean_settings,
    normalizer_settings,
    token_content,
)

__all__ = ["TokenizerJson"]

_SPECIAL = (
    *(f"{role}_token" for role in ("bos", "eos", "unk", "sep", "pad", "cls", "mask")),
    "additional_special_tokens",
)
"""The settings that name special tokens, in the order in which missing tokens get their ids."""


@dataclass(frozen=True)
class TokenizerJson:
    """A tokenizer.json into which its settings are merged.

    Attributes:
        text: the file; unchanged where the settings change nothing.
        content: the parsed file.
        settings: the checked settings.
        vocabulary: the model's tokens and their ids.
        added_tokens: the added tokens.
    """

    text: str
    content: JsonObject
    settings: CleanSettings
    vocabulary: dict[str, int]
    added_tokens: AddedTokens

    @classmethod
    def read(cls, text: str, settings: Settings | None) -> Self:
        """Combine a tokenizer.json with the settings next to it.

        The settings decide about lower-casing, accents and Chinese characters where they do in the reference's class,
        and add their tokens to those of the file. Without settings, the file is taken as it is.

        Raises:
            BundleError: the text is not a tokenizer.json, a setting has the wrong type, or a part of the file exceeds
                the limits on cost.
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

    @property
    def has_subword_prefix(self) -> bool:
        """Whether pieces that continue a word have a prefix such as ##."""
        model = self.content["model"]
        return isinstance(model, Mapping) and bool(model.get("continuing_subword_prefix"))


def _vocabulary(content: Mapping[str, object]) -> dict[str, int]:
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


def _own_settings(content: Mapping[str, object]) -> JsonObject:
    """Settings that are equivalent to the normalizer and pre-tokenizer of the file."""
    normalizer, pre_tokenizer = (content.get(part) for part in ("normalizer", "pre_tokenizer"))
    settings: JsonObject = {}
    if isinstance(normalizer, Mapping) and normalizer.get("type") == "BertNormalizer":
        names = {"lowercase": "do_lower_case", "handle_chinese_chars": "tokenize_chinese_chars"}
        settings = {str(names.get(name, name)): value for name, value in normalizer.items()}
    if isinstance(pre_tokenizer, Mapping):
        settings["add_prefix_space"] = pre_tokenizer.get("add_prefix_space")
    return settings


def _with_sides(settings: Settings, content: Mapping[str, object]) -> JsonObject:
    """The settings, with the tokenizer.json's sides for truncation and padding where they name none."""
    values = dict(settings)
    for part, name in (("truncation", "truncation_side"), ("padding", "padding_side")):
        entry = content.get(part)
        direction = entry.get("direction") if isinstance(entry, Mapping) else None
        if values.get(name) is None and isinstance(direction, str):
            values[name] = direction.lower()
    return values


def _set_normalizer(content: JsonObject, settings: CleanSettings) -> bool:
    """Apply the settings to BERT's normalizer; whether that changes it."""
    normalizer = content.get("normalizer")
    if not isinstance(normalizer, Mapping) or normalizer.get("type") != "BertNormalizer":
        return False
    content["normalizer"] = merged = {**normalizer, **normalizer_settings(settings)}
    return merged != normalizer


def _set_prefix_space(content: JsonObject, settings: CleanSettings) -> bool:
    """Apply ``add_prefix_space`` to a byte-level pre-tokenizer; whether that changes it."""
    pre_tokenizer, prefix_space = content.get("pre_tokenizer"), settings["add_prefix_space"]
    if prefix_space is None or not isinstance(pre_tokenizer, Mapping) or pre_tokenizer.get("type") != "ByteLevel":
        return False
    content["pre_tokenizer"] = {**pre_tokenizer, "add_prefix_space": prefix_space}
    return bool(pre_tokenizer.get("add_prefix_space") != prefix_space)


def _tokens_to_add(settings: Settings, clean: Settings, added: AddedTokens) -> Iterator[AddedToken]:
    """The tokens that the settings list, then the special tokens that neither they nor the file list."""
    special: dict[str, AddedToken] = {}
    for name in _SPECIAL:
        given = settings.get(name) or clean.get(name)
        for value in given if isinstance(given, list) else [given] if given else []:
            content = token_content(value, name)
            flags = value if isinstance(value, Mapping) else {}
            token = AddedToken.from_dict({"normalized": False, **flags, "content": content})
            special.setdefault(content, replace(token, special=True))
    more = clean["additional_special_tokens"]
    for content in more if isinstance(more, list) else ():
        special.setdefault(content, AddedToken(content, normalized=False, special=True))
    listed = list(_listed_tokens(settings, added))
    known = {token.content for token in listed} | added.ids.keys()
    yield from (replace(token, special=token.special or token.content in special) for token in listed)
    yield from (token for content, token in special.items() if content not in known)


def _listed_tokens(settings: Settings, added: AddedTokens) -> Iterator[AddedToken]:
    """The tokens of added_tokens_decoder, or those of the older added_tokens.json that the file lacks, by their ids."""
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
