"""The table of weights."""

from dataclasses import replace

import pytest
import torch

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.models import HEADS
from convbert_onnx.models.weights import Dialect, Weight, in_other_head, weights_by_name, weights_of

CONFIG = ConvBertConfig(
    vocab_size=40, hidden_size=32, embedding_size=16, num_hidden_layers=2, num_attention_heads=4, intermediate_size=24
)
CONFIGS = {
    "plain": CONFIG,
    "grouped": replace(CONFIG, num_groups=2),
    "untied": replace(CONFIG, tie_word_embeddings=False, summary_use_proj=True, embedding_size=32),
}


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
def test_table_has_every_tensor_of_every_model_once(head: str, config: ConvBertConfig) -> None:
    with torch.device("meta"):
        state = HEADS[head](config).state_dict()
    backbone, top = weights_of(head, config)
    ours = [weight.ours for weight in backbone + top]
    assert sorted(ours) == sorted(state)
    names = {weight.reference for weight in backbone} | {weight.reference for weight in top}
    assert len(names) == len(ours)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
def test_read_reverses_write(config: ConvBertConfig) -> None:
    state = HEADS["ConvBertModel"](config).state_dict()
    for weight in weights_of("ConvBertModel", config)[0]:
        tensor = state[weight.ours]
        assert weight.read(weight.write(tensor)).equal(tensor)


@pytest.mark.parametrize("dialect", ["h5", "tf1"])
def test_tensorflow_names_are_unique(dialect: Dialect) -> None:
    backbone = weights_of("ConvBertModel", CONFIG)[0]
    known = weights_by_name(dialect, CONFIG)
    references = {weight.reference for weight in known.values()}
    assert {f"convbert.{weight.reference}" for weight in backbone} <= references
    assert len(references) == len(known)


def test_dense_kernels_of_tensorflow_are_transposed() -> None:
    dense = Weight("attention.output.dense.weight", "attention.output.weight")
    assert dense.h5 == "attention/output/dense/kernel"
    kernel = torch.arange(6.0).view(2, 3)  # [in, out]
    assert dense.from_tensorflow(kernel, "h5").equal(kernel.T)


def test_weights_of_other_heads_are_recognized_with_and_without_prefix() -> None:
    assert in_other_head("qa_outputs.bias")
    assert in_other_head("convbert.embeddings.position_ids")
    assert not in_other_head("convbert.encoder.layer.0.output.dense.bias")
