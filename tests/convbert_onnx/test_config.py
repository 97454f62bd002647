"""The configuration of a model."""

import json
from pathlib import Path
from typing import Any

import pytest
from golden import ARCHITECTURES, CHECKPOINTS

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import ConfigError, FileMissingError


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_config_round_trip_keeps_all_fields(architecture: str) -> None:
    path = CHECKPOINTS / f"{architecture}-question-answering" / "config.json"
    written = json.loads(path.read_text())
    config = ConvBertConfig.from_pretrained(path.parent)
    rewritten = config.to_dict()
    assert {key: rewritten[key] for key in written} == written
    assert ConvBertConfig.from_json(config.to_json()) == config


def test_unknown_fields_are_kept() -> None:
    config = ConvBertConfig.from_dict({"transformers_version": "4.57.6", "hidden_size": 768})
    assert config.extra == {"transformers_version": "4.57.6"}
    assert config.to_dict()["transformers_version"] == "4.57.6"


def test_labels_come_from_id2label_or_num_labels() -> None:
    assert ConvBertConfig(num_labels=3).id2label == {0: "LABEL_0", 1: "LABEL_1", 2: "LABEL_2"}
    named = ConvBertConfig.from_dict({"id2label": {"1": "no", "0": "yes"}, "num_labels": 7})
    assert named.num_labels == 2
    assert named.label2id == {"yes": 0, "no": 1}


def test_head_ratio_above_the_number_of_heads_leaves_one_head() -> None:
    assert ConvBertConfig(num_attention_heads=2, head_ratio=4).num_mixed_heads == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("conv_kernel_size", 8),
        ("hidden_size", 770),
        ("hidden_size", "768"),
        ("num_groups", 5),
        ("pad_token_id", 30522),
        ("hidden_act", "gelo"),
        ("num_hidden_layers", 0),
        ("hidden_dropout_prob", 1.5),
        ("classifier_dropout", "0.1"),
        ("layer_norm_eps", 0.0),
        ("id2label", {"0": "a", "2": "b"}),
        ("id2label", ["a", "b"]),
        ("summary_type", "attn"),
        ("problem_type", "ranking"),
    ],
)
def test_error_names_the_field_with_an_invalid_value(field: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=field) as caught:
        ConvBertConfig.from_dict({field: value})
    assert isinstance(caught.value, ValueError)


def test_error_without_config_json_says_what_to_name(tmp_path: Path) -> None:
    with pytest.raises(FileMissingError, match="save_pretrained"):
        ConvBertConfig.from_pretrained(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", '{"model_type": "bert"}'])
def test_configs_of_other_models_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ConfigError):
        ConvBertConfig.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("num_labels", 10**9),
        ("num_hidden_layers", 10**9),
        ("num_hidden_layers", 1e9),
        ("num_hidden_layers", True),
        ("num_hidden_layers", "3"),
        ("vocab_size", 2**63),
        ("hidden_size", 2**40),
        ("max_position_embeddings", 10**12),
        ("conv_kernel_size", 10**9 + 1),
        ("pad_token_id", "1"),
        ("layer_norm_eps", float("inf")),
        ("layer_norm_eps", "1e-12"),
        ("hidden_act", ["gelu"]),
        ("tie_word_embeddings", float("nan")),
        ("summary_use_proj", "no"),
        ("summary_proj_to_labels", 5),
        ("summary_activation", "none"),
        ("summary_activation", ["tanh"]),
        ("summary_first_dropout", 5),
        ("summary_last_dropout", "0.1"),
        ("bos_token_id", float("inf")),
        ("eos_token_id", {}),
        ("architectures", 5),
        ("architectures", [5]),
        ("id2label", {"0": "a", "x": "b"}),
        ("id2label", {"2": "a"}),
        ("id2label", ["a"]),
        ("id2label", {str(number): "x" for number in range(2**17 + 1)}),
    ],
)
def test_extreme_values_are_refused_with_a_short_message(field: str, value: object) -> None:
    with pytest.raises(ConfigError, match=field) as caught:
        ConvBertConfig.from_dict({field: value})
    assert len(str(caught.value)) < 500


def test_sizes_that_give_too_many_parameters_are_refused() -> None:
    with pytest.raises(ConfigError, match="more parameters than any ConvBERT"):
        ConvBertConfig(hidden_size=2**16, intermediate_size=2**18, num_hidden_layers=2**10, num_attention_heads=16)


NESTED = '{"a":' + "[" * 101 + "]" * 101 + "}"


@pytest.mark.parametrize(
    "text", [NESTED, "[" * 100_000, '{"a":' * 100_000, "[]", "", "5", '{"x": "' + "x" * 2**23 + '"}']
)
def test_texts_that_are_not_a_json_object_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"the config (is|has)"):
        ConvBertConfig.from_json(text)


def test_config_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(b'{"x": "\xff"}')
    with pytest.raises(ConfigError, match="cannot be read"):
        ConvBertConfig.from_pretrained(tmp_path)
