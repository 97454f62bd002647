import json
from pathlib import Path
from typing import Any

import pytest

from convbert_onnx.errors import BundleError
from convbert_onnx.runtime.tokenization.settings import (
    clean_settings,
    normalizer_settings,
    read_settings,
    refuse_dictionaries,
    special_tokens,
    token_content,
)


def write(directory: Path, **files: Any) -> None:
    for name, content in files.items():
        (directory / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")


def test_read_settings_prefers_the_special_tokens_map_unless_tokens_are_listed(tmp_path: Path) -> None:
    write(
        tmp_path,
        tokenizer_config={"mask_token": "<m>", "additional_special_tokens": ["a", "b"]},
        special_tokens_map={"mask_token": "<n>", "additional_special_tokens": ["b", "c"]},
        added_tokens={"<x>": 7},
    )
    settings = read_settings(tmp_path)
    assert settings["mask_token"] == "<n>"
    assert settings["additional_special_tokens"] == ["a", "b", "c"]
    assert settings["added_tokens"] == {"<x>": 7}
    write(tmp_path, tokenizer_config={"mask_token": "<m>", "added_tokens_decoder": {}})
    settings = read_settings(tmp_path)
    assert settings["mask_token"] == "<m>"
    assert "added_tokens" not in settings


def test_read_settings_takes_the_class_from_config_json_and_cleans_up_for_vocab_txt(tmp_path: Path) -> None:
    write(tmp_path, config={"tokenizer_class": "BertTokenizer"})
    settings = read_settings(tmp_path)
    assert settings["tokenizer_class"] == "BertTokenizer"
    assert settings["clean_up_tokenization_spaces"] is True
    write(tmp_path, tokenizer_config={"tokenizer_class": "ConvBertTokenizer"}, tokenizer={})
    settings = read_settings(tmp_path)
    assert settings["tokenizer_class"] == "ConvBertTokenizer"
    assert settings["clean_up_tokenization_spaces"] is False


def test_clean_settings_fills_in_the_references_defaults() -> None:
    assert clean_settings({"tokenizer_class": "PreTrainedTokenizerFast"}) == {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "do_lower_case": True,
        "tokenize_chinese_chars": True,
        "clean_up_tokenization_spaces": True,
        "strip_accents": None,
        "add_prefix_space": None,
        "split_special_tokens": None,
        "padding_side": "right",
        "truncation_side": "right",
        "model_max_length": None,
        "pad_token": None,
        "unk_token": None,
        "cls_token": None,
        "sep_token": None,
        "mask_token": None,
        "additional_special_tokens": None,
        "model_input_names": None,
    }
    assert clean_settings({})["mask_token"] == "[MASK]"  # of the classes of BERT's family


def test_clean_settings_collects_additional_special_tokens() -> None:
    settings = {
        "bos_token": "<s>",
        "additional_special_tokens": ["a", {"content": "b"}],
        "extra_special_tokens": {"x": "c"},
    }
    assert clean_settings(settings)["additional_special_tokens"] == ["<s>", "a", "b", "c"]


def test_clean_settings_knows_the_classes_without_token_types() -> None:
    assert clean_settings({"tokenizer_class": "DistilBertTokenizerFast"})["model_input_names"] == [
        "input_ids",
        "attention_mask",
    ]
    names = ["input_ids", "token_type_ids"]
    assert (
        clean_settings({"tokenizer_class": "DistilBertTokenizer", "model_input_names": names})["model_input_names"]
        == names
    )


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("do_lower_case", "false", "true or false"),
        ("padding_side", "both", '"left" or "right"'),
        ("model_max_length", "512", "a number of at least 1"),
        ("model_max_length", True, "a number of at least 1"),
        ("mask_token", {"lstrip": True}, "a string, or an object"),
        ("model_input_names", "input_ids", "a list of names"),
        ("model_input_names", [5], "a list of names"),
        ("extra_special_tokens", "x", "an object or a list of tokens"),
        ("tokenizer_class", "\ud800", "text without half of a character"),
        ("sep_token", "a\udfff", "text without half of a character"),
    ],
)
def test_clean_settings_names_the_setting_in_its_error(name: str, value: Any, expected: str) -> None:
    with pytest.raises(BundleError, match=f"{name} in the tokenizer's settings must be {expected}"):
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
def test_clean_settings_treats_a_huge_maximum_length_as_none(settings: dict[str, Any], length: int | None) -> None:
    assert clean_settings(settings)["model_max_length"] == length


def test_special_tokens_have_the_default_where_settings_name_none() -> None:
    settings = clean_settings({"tokenizer_class": "PreTrainedTokenizerFast", "mask_token": "<m>"})
    assert special_tokens(settings) == {
        "pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "<m>"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("tokenizer_class", "arguments"),
    [
        (None, {"lowercase": False, "strip_accents": True, "handle_chinese_chars": False}),
        ("ElectraTokenizerFast", {"lowercase": False, "strip_accents": True, "handle_chinese_chars": False}),
        ("MPNetTokenizer", {"lowercase": False, "strip_accents": True}),
        ("PreTrainedTokenizerFast", {}),
    ],
)
def test_normalizer_settings_depend_on_the_class(tokenizer_class: str | None, arguments: dict[str, bool]) -> None:
    settings = {"do_lower_case": False, "strip_accents": True, "tokenize_chinese_chars": False}
    assert normalizer_settings(clean_settings(settings | {"tokenizer_class": tokenizer_class})) == arguments


def test_token_content_is_a_string_or_the_content_of_an_object() -> None:
    assert token_content("<x>", "mask_token") == token_content({"content": "<x>"}, "mask_token") == "<x>"
    with pytest.raises(BundleError, match="mask_token in the tokenizer's settings"):
        token_content(5, "mask_token")


def test_refuse_dictionaries_accepts_bert() -> None:
    refuse_dictionaries({"tokenizer_class": "BertTokenizer", "word_tokenizer_type": "basic"})
    with pytest.raises(BundleError, match="the analyser mecab and its dictionary"):
        refuse_dictionaries({"word_tokenizer_type": "mecab"})
