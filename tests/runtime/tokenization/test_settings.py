"""Settings and tokenizer.json files that are wrong, or of which a text could cost without bound."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from golden import CHECKPOINTS

from convbert_onnx import ConvBertTokenizer, ConvBertTokenizerFast
from convbert_onnx.errors import BundleError, ConvBertError, InputError
from convbert_onnx.runtime.tokenization.base import TokenizerBase
from convbert_onnx.runtime.tokenization.settings import clean_settings, read_settings

CLASSES: list[type[TokenizerBase]] = [ConvBertTokenizer, ConvBertTokenizerFast]
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


def use(kind: type[TokenizerBase], text: str, settings: dict[str, Any] | None) -> None:
    """Do with a tokenizer what can be done; only errors of ours may come."""
    try:
        tokenizer = kind(text, settings)
        tokenizer("The [MASK] covid é 我", "b", truncation=True, max_length=20, return_offsets_mapping=True)
        tokenizer.decode([5, 6, 7], skip_special_tokens=True)
        tokenizer.files()
    except ConvBertError:
        pass


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_of_any_type_is_used_or_refused(kind: type[TokenizerBase], name: str) -> None:
    config = json.loads((PLAIN / "tokenizer_config.json").read_text(encoding="utf-8"))
    for value in WRONG:
        use(kind, json.dumps(SMALL), {**config, name: value})


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    keys = list(value)[:4] if isinstance(value, dict) else range(min(2, len(value))) if isinstance(value, list) else ()
    for key in keys:
        yield from paths(value[key], (*path, key))


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("part", SMALL)
def test_a_damaged_tokenizer_json_is_used_or_refused(kind: type[TokenizerBase], part: str) -> None:
    for *way, last in ((part, *path) for path in paths(SMALL[part])):
        for value in [*WRONG, "taken out"]:
            content = copy.deepcopy(SMALL)
            place: Any = content
            for key in way:
                place = place[key]
            if value == "taken out":
                del place[last]
            else:
                place[last] = value
            use(kind, json.dumps(content), {})


def replacements(count: int, **step: Any) -> dict[str, Any]:
    return {"type": "Sequence", "normalizers": [step] * count}


DOUBLING = {"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}
BLANKS = {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "\u2581"}


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (
            {"normalizer": replacements(40, **DOUBLING)},
            "normalizer of the tokenizer.json can make a text more than 100",
        ),
        ({"normalizer": replacements(3, **replacements(3, **DOUBLING | {"content": "aaa"}))}, "more than 100 times"),
        ({"normalizer": replacements(20, type="Prepend", prepend="aaa")}, "more than 100 times"),
        ({"normalizer": replacements(9, type="ByteLevel")}, "more than 100 times"),
        ({"normalizer": DOUBLING | {"pattern": {"Regex": ""}, "content": "a" * 200}}, "more than 100 times"),
        (
            {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "ByteLevel"}] * 9}},
            r"pre_tokenizer .* more",
        ),
        ({"decoder": {"type": "Sequence", "decoders": [DOUBLING] * 9}}, r"decoder .* more than 100"),
        ({"normalizer": BLANKS | {"pattern": {"Regex": "(a+)+$"}}}, "repeats a group that itself repeats"),
        ({"model": SMALL["model"] | {"max_input_chars_per_word": 10**9}}, "at most 1000"),
        ({"model": SMALL["model"] | {"max_input_chars_per_word": "100"}}, "at most 1000"),
        ({"model": SMALL["model"] | {"vocab": {"a": -1}}}, "no vocabulary"),
        ({"added_tokens": 5}, "must be a list"),
        ({"added_tokens": [{"id": 9, "content": "é" * 1001}]}, "more than 1000 characters"),
        ({"added_tokens": [{"id": 9, "content": "\ud800"}]}, "half of a character"),
        (
            {"post_processor": {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A", "type_id": 0}}] * 3}},
            "repeats a text",
        ),
    ],
)
def test_costs_without_bound_are_refused(kind: type[TokenizerBase], parts: dict[str, Any], message: str) -> None:
    with pytest.raises(BundleError, match=message):
        kind(json.dumps(SMALL | parts))


def test_usual_steps_are_not_refused() -> None:
    steps = [DOUBLING | {"content": "b"}, {"type": "NFKD"}, {"type": "Lowercase"}, BLANKS, BLANKS]
    content = SMALL | {"normalizer": {"type": "Sequence", "normalizers": steps}}
    assert ConvBertTokenizerFast(json.dumps(content)).encode_text("A  B").offsets.tolist()[-1][-1] == 4


def test_a_panic_of_the_library_is_an_error_of_ours() -> None:
    content = SMALL | {"normalizer": BLANKS | {"pattern": {"Regex": "(a|aa)+$"}}}
    with pytest.raises(InputError, match=r"cannot encode the text .*retry-limit"):
        ConvBertTokenizerFast(json.dumps(content)).encode_text("a" * 60 + "!")


@pytest.mark.parametrize("kind", CLASSES)
def test_nesting_without_end_is_refused(kind: type[TokenizerBase], tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="not JSON"):
        kind("[" * 100_000)
    (tmp_path / "tokenizer_config.json").write_text('{"a":' * 100_000)
    with pytest.raises(BundleError, match="not JSON"):
        kind.from_pretrained(tmp_path)
    (tmp_path / "tokenizer_config.json").write_bytes(b'{"a": "\xff"}')
    with pytest.raises(BundleError, match="not UTF-8"):
        kind.from_pretrained(tmp_path)


def test_the_error_names_the_setting() -> None:
    for name, value, wanted in (
        ("do_lower_case", "false", "true or false"),
        ("padding_side", "both", '"left" or "right"'),
        ("model_max_length", "512", "a number of at least 1"),
        ("mask_token", {"lstrip": True}, "a string, or an object"),
        ("model_input_names", "input_ids", "a list of names"),
        ("tokenizer_class", "\ud800", "text without half of a character"),
        ("sep_token", "a\udfff", "text without half of a character"),
    ):
        with pytest.raises(BundleError, match=f"{name} in the tokenizer's settings must be {wanted}"):
            clean_settings({name: value})


@pytest.mark.parametrize(
    ("settings", "length"),
    [
        ({"model_max_length": 512}, 512),
        ({"model_max_length": 512.0}, 512),
        ({"model_max_length": 1e30}, None),
        ({"model_max_length": 10**30}, None),
        ({"max_len": 128}, 128),
        ({"model_max_length": None, "max_len": 128}, None),
        ({}, None),
    ],
)
def test_lengths(settings: dict[str, Any], length: int | None) -> None:
    assert clean_settings(settings)["model_max_length"] == length


def test_files_with_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    (tmp_path / "tokenizer_config.json").write_text('{"do_lower_case": false}', encoding="utf-8-sig")
    (tmp_path / "tokenizer.json").write_text(TEXT, encoding="utf-8-sig")
    assert read_settings(tmp_path)["do_lower_case"] is False
    assert ConvBertTokenizerFast.from_pretrained(tmp_path).tokenize("The the") == ["[UNK]", "the"]
