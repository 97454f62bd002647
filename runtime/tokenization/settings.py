"""The settings of a checkpoint's tokenizer, from the files beside its vocabulary."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from reprlib import repr as short
from typing import Any

from convbert_onnx.errors import BundleError

__all__ = [
    "SPECIAL_TOKENS",
    "check_expressible",
    "clean_settings",
    "normalizer_settings",
    "read_json_object",
    "read_settings",
    "read_text",
    "token_content",
]

SPECIAL_TOKENS = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
"""The special tokens of a BERT vocabulary: role, and text by default."""

_FLAGS = {"do_lower_case": True, "tokenize_chinese_chars": True, "clean_up_tokenization_spaces": True}
_OPTIONAL_FLAGS = ("strip_accents", "add_prefix_space", "split_special_tokens")
_SIDES = ("padding_side", "truncation_side")
_ANALYSERS = ("mecab", "sudachi", "jumanpp")

# The reference's classes, without "Tokenizer" and "TokenizerFast". These let the settings decide about the normalizer
# (two of them not about Chinese characters) ...
_BERT_FAMILY = frozenset(
    """
    Bert ConvBert DPRContextEncoder DPRQuestionEncoder DPRReader DistilBert Electra Funnel LayoutLM Lxmert MPNet
    MobileBert Realm RetriBert Splinter SqueezeBert
    """.split()  # noqa: SIM905
)
_KEEP_CHINESE = frozenset(("MPNet", "Splinter"))
# ... and these give no token_type_ids.
_WITHOUT_TYPES = frozenset(
    """
    Bart Barthez BigBird Blenderbot Bloom CLIP Camembert CodeGen CodeLlama Cohere DPRReader DistilBert GPT2 GPTNeoX
    Gemma LED LayoutLMv3 LayoutXLM Llama Longformer MBart MBart50 MPNet MT5 Mvp Nllb Nougat OpenAIGPT Pegasus Qwen2
    Reformer RetriBert Roberta SeamlessM4T T5 Udop Whisper XGLM XLMRoberta
    """.split()  # noqa: SIM905
)


def read_settings(directory: Path) -> dict[str, Any]:
    """The settings in a directory, merged as the reference merges them.

    They are the entries of tokenizer_config.json. Where those do not list the added tokens, the entries of
    special_tokens_map.json win over them, and ``added_tokens`` has the content of added_tokens.json. Without a
    ``tokenizer_class``, it is the one that config.json names.

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


def clean_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that a tokenizer has a use for, checked, with the reference's defaults.

    Raises:
        BundleError: a value is of the wrong type.
    """
    values: dict[str, Any] = {"tokenizer_class": _typed(settings, "tokenizer_class", str, "a string")}
    for name in (*_FLAGS, *_OPTIONAL_FLAGS):
        value = _typed(settings, name, bool, "true or false")
        values[name] = _FLAGS.get(name) if value is None else value
    for name in _SIDES:
        values[name] = "right" if settings.get(name) is None else settings[name]
        if values[name] not in ("left", "right"):
            raise _wrong(name, '"left" or "right"', values[name])
    values["model_max_length"] = _longest(settings)
    default_tokens = SPECIAL_TOKENS if _family(values["tokenizer_class"]) in _BERT_FAMILY else {}
    for role in SPECIAL_TOKENS:
        token = settings.get(f"{role}_token")
        given = None if token is None else token_content(token, f"{role}_token")
        values[f"{role}_token"] = given or default_tokens.get(role)
    more = _typed(settings, "additional_special_tokens", list, "a list of tokens") or []
    extra = settings.get("extra_special_tokens") or []
    extra = list(extra.values()) if isinstance(extra, Mapping) else extra
    if not isinstance(extra, list):
        raise _wrong("extra_special_tokens", "an object or a list of tokens", extra)
    others = [settings[f"{role}_token"] for role in ("bos", "eos") if settings.get(f"{role}_token") is not None]
    tokens = [token_content(token, "additional_special_tokens") for token in (*others, *more, *extra)]
    values["additional_special_tokens"] = tokens or None
    names = _typed(settings, "model_input_names", list, "a list of names")
    if names is not None and not all(isinstance(name, str) for name in names):
        raise _wrong("model_input_names", "a list of names", names)
    if names is None and _family(values["tokenizer_class"]) in _WITHOUT_TYPES:
        names = ["input_ids", "attention_mask"]
    values["model_input_names"] = names
    for name, value in values.items():
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise _wrong(name, "text without half of a character (a lone surrogate)", value) from None
    return values


def normalizer_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of BERT's normalizer that cleaned settings decide about, as the reference's class has it."""
    family = _family(settings["tokenizer_class"])
    if family not in _BERT_FAMILY:
        return {}
    chinese = {} if family in _KEEP_CHINESE else {"handle_chinese_chars": settings["tokenize_chinese_chars"]}
    return {"lowercase": settings["do_lower_case"], "strip_accents": settings["strip_accents"], **chinese}


def token_content(token: Any, name: str) -> str:
    """The text of a token that a settings file names: a string, or an object with its text under "content".

    Raises:
        BundleError: it is neither.
    """
    content = token.get("content") if isinstance(token, Mapping) else token
    if not isinstance(content, str):
        raise _wrong(name, "a string, or an object with its text as content", token)
    return content


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


def read_json_object(text: str, name: str | Path) -> dict[str, Any]:
    """The content of a JSON file that must hold an object.

    Raises:
        BundleError: it does not.
    """
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{name} cannot be read, it is not JSON ({error}): save the tokenizer again") from error
    if not isinstance(values, dict):
        raise BundleError(f"{name} cannot be read, it must hold a JSON object: save the tokenizer again")
    return values


def read_text(path: str | Path) -> str:
    """The text of a file, without a byte order mark.

    Raises:
        BundleError: it is not UTF-8.
    """
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise BundleError(f"{path} is not UTF-8 ({error}): save the tokenizer again") from error


def _read_if_there(path: Path) -> dict[str, Any]:
    return read_json_object(read_text(path), path) if path.is_file() else {}


def _family(tokenizer_class: str | None) -> str:
    return (tokenizer_class or "ConvBert").removesuffix("Fast").removesuffix("Tokenizer")


def _typed(settings: Mapping[str, Any], name: str, kind: type, wanted: str) -> Any:
    value = settings.get(name)
    if value is not None and not isinstance(value, kind):
        raise _wrong(name, wanted, value)
    return value


def _longest(settings: Mapping[str, Any]) -> int | None:
    # max_len is the old name; a number beyond all lengths is the reference's way to say "no limit".
    name = "model_max_length" if "model_max_length" in settings else "max_len"
    length = settings.get(name)
    if length is None:
        return None
    if isinstance(length, bool) or not isinstance(length, int | float) or math.isnan(length) or length < 1:
        raise _wrong(name, "a number of at least 1", length)
    return int(length) if length < 1e9 else None


def _wrong(name: str, wanted: str, value: Any) -> BundleError:
    return BundleError(
        f"{name} in the tokenizer's settings must be {wanted}, not {short(value)}: change tokenizer_config.json or "
        "save the tokenizer again"
    )
