import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from golden import CHECKPOINTS

from convbert_onnx import ConvBertTokenizerFast
from convbert_onnx.errors import BundleError, ConvBertError
from convbert_onnx.runtime.tokenization.added_tokens import AddedToken
from convbert_onnx.runtime.tokenization.base import TokenizerBase
from convbert_onnx.runtime.tokenization.tokenizer_json import TokenizerJson

PLAIN = CHECKPOINTS / "plain-question-answering"
TEXT = (PLAIN / "tokenizer.json").read_text(encoding="utf-8")
SMALL = json.loads(TEXT)
SMALL["model"]["vocab"] = {token: number for token, number in SMALL["model"]["vocab"].items() if number < 60}
WRONG: list[Any] = [
    None, [], {}, "x", "", 5, -1, 1.5, True, [[]], ["a", 5], {"a": {"b": 1}}, 10**30, float("nan"), float("inf"),
    {"content": 5}, {"content": "x", "lstrip": "no"},
]  # fmt: skip
SETTINGS = [
    "do_lower_case",
    "strip_accents",
    "tokenize_chinese_chars",
    "clean_up_tokenization_spaces",
    "add_prefix_space",
    "split_special_tokens",
    "padding_side",
    "truncation_side",
    "model_max_length",
    "max_len",
    "tokenizer_class",
    "model_input_names",
    "additional_special_tokens",
    "extra_special_tokens",
    "added_tokens_decoder",
    "added_tokens",
    "pad_token",
    "unk_token",
    "cls_token",
    "sep_token",
    "mask_token",
    "bos_token",
    "eos_token",
    "unheard_of",
]


def test_a_file_that_settings_do_not_change_is_kept_verbatim() -> None:
    assert TokenizerJson.read(TEXT, None).text == TEXT
    tokenizer = ConvBertTokenizerFast.from_pretrained(PLAIN)
    assert tokenizer.tokenizer_json == tokenizer.files()["tokenizer.json"] == TEXT


def test_settings_change_the_normalizer_where_their_class_lets_them() -> None:
    for tokenizer_class, lowercase in (("ConvBertTokenizer", False), ("PreTrainedTokenizerFast", True)):
        settings = {"do_lower_case": False, "tokenizer_class": tokenizer_class}
        file = TokenizerJson.read(TEXT, settings)
        assert json.loads(file.text)["normalizer"]["lowercase"] is lowercase


def test_settings_decide_about_the_blank_before_a_byte_level_text() -> None:
    content = SMALL | {"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": True}}
    assert TokenizerJson.read(json.dumps(content), None).settings["add_prefix_space"] is True
    file = TokenizerJson.read(json.dumps(content), {"add_prefix_space": False})
    assert json.loads(file.text)["pre_tokenizer"]["add_prefix_space"] is False


def test_sides_of_the_file_count_where_settings_name_none() -> None:
    content = json.dumps(SMALL | {"truncation": {"direction": "Left"}, "padding": {"direction": "Left"}})
    settings = TokenizerJson.read(content, {"padding_side": "right"}).settings
    assert (settings["truncation_side"], settings["padding_side"]) == ("left", "right")


def test_listed_tokens_come_before_other_special_tokens() -> None:
    settings = {
        "added_tokens_decoder": {"100": {"content": "<b>"}, "61": {"content": "<a>"}},
        "additional_special_tokens": ["<c>", "<a>"],
        "mask_token": {"content": "<m>", "lstrip": True},
    }
    added = TokenizerJson.read(json.dumps(SMALL), settings).added_tokens
    assert [(number, added.tokens[number].content) for number in (60, 61, 62, 63)] == [
        (60, "<a>"), (61, "<b>"), (62, "<m>"), (63, "<c>")
    ]  # fmt: skip
    assert added.tokens[60].special
    assert not added.tokens[61].special
    assert added.tokens[62] == AddedToken("<m>", lstrip=True, normalized=False, special=True)


def test_has_subword_prefix() -> None:
    assert TokenizerJson.read(TEXT, None).has_subword_prefix
    without = SMALL | {"model": SMALL["model"] | {"continuing_subword_prefix": ""}}
    assert not TokenizerJson.read(json.dumps(without), None).has_subword_prefix


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "cannot be read"),
        ("{}", "no vocabulary"),
        ("[" * 100_000, "not JSON"),
        (json.dumps(SMALL | {"model": SMALL["model"] | {"vocab": {"a": -1}}}), "no vocabulary"),
        (json.dumps(SMALL | {"model": SMALL["model"] | {"max_input_chars_per_word": 10**9}}), "at most 1000"),
        (json.dumps(SMALL | {"added_tokens": 5}), "must be a list"),
        (json.dumps(SMALL | {"added_tokens": [{"id": 9, "content": "é" * 1001}]}), "more than 1000 characters"),
    ],
)
def test_a_file_without_its_parts_or_beyond_the_limits_is_refused(
    tokenizer_class: type[TokenizerBase], text: str, message: str
) -> None:
    with pytest.raises(BundleError, match=message):
        tokenizer_class(text)


def use(kind: type[TokenizerBase], text: str, settings: dict[str, Any] | None) -> None:
    """Create a tokenizer and call its methods; only errors of this project may be raised."""
    try:
        tokenizer = kind(text, settings)
        tokenizer("The [MASK] covid é 我", "b", truncation=True, max_length=20, return_offsets_mapping=True)
        tokenizer.decode([5, 6, 7], skip_special_tokens=True)
        tokenizer.files()
    except ConvBertError:
        pass


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_of_any_type_is_used_or_refused(tokenizer_class: type[TokenizerBase], name: str) -> None:
    config = json.loads((PLAIN / "tokenizer_config.json").read_text(encoding="utf-8"))
    for value in WRONG:
        use(tokenizer_class, json.dumps(SMALL), {**config, name: value})


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    keys = list(value)[:4] if isinstance(value, dict) else range(min(2, len(value))) if isinstance(value, list) else ()
    for key in keys:
        yield from paths(value[key], (*path, key))


@pytest.mark.parametrize("part", SMALL)
def test_a_damaged_part_is_used_or_refused(tokenizer_class: type[TokenizerBase], part: str) -> None:
    for *way, last in ((part, *path) for path in paths(SMALL[part])):
        for value in [*WRONG, "removed"]:
            content = copy.deepcopy(SMALL)
            place: Any = content
            for key in way:
                place = place[key]
            if value == "removed":
                del place[last]
            else:
                place[last] = value
            use(tokenizer_class, json.dumps(content), {})
