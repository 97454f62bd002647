"""What a checkpoint's directory says of its tokenizer, beside the vocabulary."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from convbert_onnx.errors import BundleError

__all__ = ["SPECIAL_TOKENS", "check_expressible", "clean_settings", "read_settings"]

SPECIAL_TOKENS = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
"""The special tokens that every BERT vocabulary has: role, and text by default."""

_SETTINGS = (
    "do_lower_case",
    "strip_accents",
    "tokenize_chinese_chars",
    "model_max_length",
    "tokenizer_class",
    *(f"{name}_token" for name in SPECIAL_TOKENS),
)
_ANALYSERS = ("mecab", "sudachi", "jumanpp")


def read_settings(directory: Path) -> dict[str, Any]:
    """The entries of tokenizer_config.json, and below them those of special_tokens_map.json; both may be missing.

    Raises:
        BundleError: a file is no JSON object.
    """
    settings: dict[str, Any] = {}
    for name in ("special_tokens_map.json", "tokenizer_config.json"):
        if (directory / name).is_file():
            settings |= _read_json(directory / name)
    return settings


def clean_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that a tokenizer has a use for, with the reference's defaults."""
    defaults: dict[str, Any] = {f"{name}_token": token for name, token in SPECIAL_TOKENS.items()}
    defaults |= {"do_lower_case": True, "strip_accents": None, "tokenize_chinese_chars": True, "model_max_length": None}
    known = {name: settings[name] for name in _SETTINGS if settings.get(name) is not None}
    # max_len is the old name; a number beyond all lengths is the reference's way to say "no limit".
    length = known.get("model_max_length", settings.get("max_len"))
    known["model_max_length"] = int(length) if length is not None and length < 1e9 else None
    # A special token is a string, or an object with its text under "content".
    plain = {name: value["content"] if isinstance(value, Mapping) else value for name, value in known.items()}
    return defaults | plain


def check_expressible(settings: Mapping[str, Any]) -> None:
    """Make sure that a vocab.txt is all that a tokenizer needs to split text.

    Raises:
        BundleError: it first looks words up in a dictionary, as Japanese tokenizers do.
    """
    analyser = settings.get("word_tokenizer_type")
    if analyser not in _ANALYSERS and settings.get("tokenizer_class") != "BertJapaneseTokenizer":
        return
    who = f"the analyser {analyser}" if analyser in _ANALYSERS else "BertJapaneseTokenizer"
    raise BundleError(
        f"this tokenizer splits words with {who} and its dictionary, of which vocab.txt has nothing: use a checkpoint "
        "with a tokenizer.json"
    )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BundleError(f"{path} is not JSON ({error}): save the tokenizer again") from error
    if not isinstance(values, dict):
        raise BundleError(f"{path} must hold a JSON object: save the tokenizer again")
    return values
