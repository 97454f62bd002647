"""Settings of a checkpoint's tokenizer, from the files next to its vocabulary."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from reprlib import repr as short
from typing import Literal, TypedDict, TypeVar

from convbert_onnx.errors import BundleError
from convbert_onnx.runtime.tokenization.encoding import Side
from convbert_onnx.runtime.tokenization.json_files import JsonObject, read_json_object, read_text

__all__ = [
    "SPECIAL_TOKENS",
    "Settings",
    "clean_settings",
    "normalizer_settings",
    "read_settings",
    "refuse_dictionaries",
    "special_tokens",
    "token_content",
]

Settings = Mapping[str, object]
"""Entries of tokenizer_config.json, not checked yet."""

SPECIAL_TOKENS = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
"""The special tokens of a BERT vocabulary: role and default text."""

_ANALYSERS = ("mecab", "sudachi", "jumanpp")

# The reference's classes, without "Tokenizer" and "TokenizerFast". In these, the settings decide about the normalizer
# (in two of them, not about Chinese characters).
_BERT_FAMILY = frozenset(
    """
    Bert ConvBert DPRContextEncoder DPRQuestionEncoder DPRReader DistilBert Electra Funnel LayoutLM Lxmert MPNet
    MobileBert Realm RetriBert Splinter SqueezeBert
    """.split()  # noqa: SIM905
)
_WITHOUT_CHINESE_SETTING = frozenset(("MPNet", "Splinter"))
# These return no token_type_ids.
_WITHOUT_TYPES = frozenset(
    """
    Bart Barthez BigBird Blenderbot Bloom CLIP Camembert CodeGen CodeLlama Cohere DPRReader DistilBert GPT2 GPTNeoX
    Gemma LED LayoutLMv3 LayoutXLM Llama Longformer MBart MBart50 MPNet MT5 Mvp Nllb Nougat OpenAIGPT Pegasus Qwen2
    Reformer RetriBert Roberta SeamlessM4T T5 Udop Whisper XGLM XLMRoberta
    """.split()  # noqa: SIM905
)

_Value = TypeVar("_Value")


class CleanSettings(TypedDict):
    """Checked settings, named as in tokenizer_config.json and written to files in this order; None means not set."""

    tokenizer_class: str | None
    do_lower_case: bool
    tokenize_chinese_chars: bool
    clean_up_tokenization_spaces: bool
    strip_accents: bool | None
    add_prefix_space: bool | None
    split_special_tokens: bool | None
    padding_side: Side
    truncation_side: Side
    model_max_length: int | None
    pad_token: str | None
    unk_token: str | None
    cls_token: str | None
    sep_token: str | None
    mask_token: str | None
    additional_special_tokens: list[str] | None
    model_input_names: list[str] | None


def read_settings(directory: Path) -> JsonObject:
    """Read the settings in a directory, merged as in the reference.

    They are the entries of tokenizer_config.json. Unless that file lists the added tokens, the entries of
    special_tokens_map.json take precedence over its own, and ``added_tokens`` is the content of added_tokens.json.
    Without a ``tokenizer_class``, the one in config.json is used.

    Raises:
        BundleError: a file is not a JSON object.
    """
    settings = _read_if_there(directory / "tokenizer_config.json")
    if settings.get("tokenizer_class") is None:
        settings["tokenizer_class"] = _read_if_there(directory / "config.json").get("tokenizer_class")
    if "added_tokens_decoder" not in settings:
        special = _read_if_there(directory / "special_tokens_map.json")
        known = settings.get("additional_special_tokens")
        more = special.get("additional_special_tokens")
        settings |= special
        if isinstance(known, list) and isinstance(more, list):
            settings["additional_special_tokens"] = known + [token for token in more if token not in known]
        settings["added_tokens"] = _read_if_there(directory / "added_tokens.json")
    settings.setdefault("add_prefix_space", False)
    settings.setdefault("clean_up_tokenization_spaces", not (directory / "tokenizer.json").is_file())
    return settings


def clean_settings(settings: Settings) -> CleanSettings:
    """Check the settings that a tokenizer uses, and fill in the reference's defaults.

    Raises:
        BundleError: a value has the wrong type.
    """
    tokenizer_class = _typed(settings, "tokenizer_class", str, "a string")
    tokens = _named_tokens(settings, SPECIAL_TOKENS if _family(tokenizer_class) in _BERT_FAMILY else {})
    clean = CleanSettings(
        tokenizer_class=tokenizer_class,
        do_lower_case=_flag(settings, "do_lower_case", True),
        tokenize_chinese_chars=_flag(settings, "tokenize_chinese_chars", True),
        clean_up_tokenization_spaces=_flag(settings, "clean_up_tokenization_spaces", True),
        strip_accents=_flag(settings, "strip_accents", None),
        add_prefix_space=_flag(settings, "add_prefix_space", None),
        split_special_tokens=_flag(settings, "split_special_tokens", None),
        padding_side=_side(settings, "padding_side"),
        truncation_side=_side(settings, "truncation_side"),
        model_max_length=_max_length(settings),
        pad_token=tokens["pad"],
        unk_token=tokens["unk"],
        cls_token=tokens["cls"],
        sep_token=tokens["sep"],
        mask_token=tokens["mask"],
        additional_special_tokens=_additional_special_tokens(settings) or None,
        model_input_names=_model_input_names(settings, tokenizer_class),
    )
    for name, value in clean.items():
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise _wrong(name, "text without half of a character (a lone surrogate)", value) from None
    return clean


def special_tokens(settings: Settings) -> dict[str, str]:
    """The token of each role in ``SPECIAL_TOKENS`` that checked settings name, or the role's default."""
    return {role: str(settings[f"{role}_token"] or default) for role, default in SPECIAL_TOKENS.items()}


def normalizer_settings(settings: CleanSettings) -> dict[str, bool | None]:
    """The arguments of BERT's normalizer that the settings decide about in the reference's class for them."""
    family = _family(settings["tokenizer_class"])
    if family not in _BERT_FAMILY:
        return {}
    arguments = {"lowercase": settings["do_lower_case"], "strip_accents": settings["strip_accents"]}
    if family not in _WITHOUT_CHINESE_SETTING:
        arguments["handle_chinese_chars"] = settings["tokenize_chinese_chars"]
    return arguments


def token_content(token: object, name: str) -> str:
    """The text of a token in a settings file: the token itself, or "content" of an object.

    Args:
        token: the value in the file.
        name: the setting that holds it, for the error message.

    Raises:
        BundleError: the value is neither a string nor such an object.
    """
    content = token.get("content") if isinstance(token, Mapping) else token
    if not isinstance(content, str):
        raise _wrong(name, "a string, or an object with its text as content", token)
    return content


def refuse_dictionaries(settings: Settings) -> None:
    """Refuse tokenizers for which a vocab.txt is not enough.

    Raises:
        BundleError: the tokenizer first looks words up in a dictionary, as Japanese tokenizers do.
    """
    analyser = settings.get("word_tokenizer_type")
    if analyser not in _ANALYSERS and settings.get("tokenizer_class") != "BertJapaneseTokenizer":
        return
    who = f"the analyser {analyser}" if analyser in _ANALYSERS else "BertJapaneseTokenizer"
    raise BundleError(
        f"this tokenizer splits words with {who} and its dictionary, which vocab.txt does not contain: use a "
        "checkpoint with a tokenizer.json"
    )


def _read_if_there(path: Path) -> JsonObject:
    return read_json_object(read_text(path), path) if path.is_file() else {}


def _family(tokenizer_class: str | None) -> str:
    return (tokenizer_class or "ConvBert").removesuffix("Fast").removesuffix("Tokenizer")


def _named_tokens(settings: Settings, defaults: Mapping[str, str]) -> dict[str, str | None]:
    tokens: dict[str, str | None] = {}
    for role in SPECIAL_TOKENS:
        name = f"{role}_token"
        token = settings.get(name)
        tokens[role] = (None if token is None else token_content(token, name)) or defaults.get(role)
    return tokens


def _additional_special_tokens(settings: Settings) -> list[str]:
    others = [settings[name] for name in ("bos_token", "eos_token") if settings.get(name) is not None]
    more = _typed(settings, "additional_special_tokens", list, "a list of tokens") or []
    extra = settings.get("extra_special_tokens") or []
    extra = list(extra.values()) if isinstance(extra, Mapping) else extra
    if not isinstance(extra, list):
        raise _wrong("extra_special_tokens", "an object or a list of tokens", extra)
    return [token_content(token, "additional_special_tokens") for token in (*others, *more, *extra)]


def _model_input_names(settings: Settings, tokenizer_class: str | None) -> list[str] | None:
    names = _typed(settings, "model_input_names", list, "a list of names")
    if names is not None and not all(isinstance(name, str) for name in names):
        raise _wrong("model_input_names", "a list of names", names)
    if names is None and _family(tokenizer_class) in _WITHOUT_TYPES:
        return ["input_ids", "attention_mask"]
    return names


def _typed(settings: Settings, name: str, kind: type[_Value], expected: str) -> _Value | None:
    value = settings.get(name)
    if value is not None and not isinstance(value, kind):
        raise _wrong(name, expected, value)
    return value


_Default = TypeVar("_Default", Literal[True], None)


def _flag(settings: Settings, name: str, default: _Default) -> bool | _Default:
    value = _typed(settings, name, bool, "true or false")
    return default if value is None else value


def _side(settings: Settings, name: str) -> Side:
    match settings.get(name):
        case None | "right":
            return "right"
        case "left":
            return "left"
        case value:
            raise _wrong(name, '"left" or "right"', value)


def _max_length(settings: Settings) -> int | None:
    # max_len is the old name; the reference writes a number beyond all lengths for "no limit".
    name = "model_max_length" if "model_max_length" in settings else "max_len"
    length = settings.get(name)
    if length is None:
        return None
    if isinstance(length, bool) or not isinstance(length, int | float) or math.isnan(length) or length < 1:
        raise _wrong(name, "a number of at least 1", length)
    return int(length) if length < 1e9 else None


def _wrong(name: str, expected: str, value: object) -> BundleError:
    return BundleError(
        f"{name} in the tokenizer's settings must be {expected}, not {short(value)}: change tokenizer_config.json or "
        "save the tokenizer again"
    )
