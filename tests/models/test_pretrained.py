"""Initialization, loading and saving of models."""

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from golden import CHECKPOINTS
from safetensors.torch import load_file, save_file

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import MissingHeadError
from convbert_onnx.models import ConvBertForQuestionAnswering, ConvBertModel
from convbert_onnx.models.checkpoint import hash_weights

PLAIN = CHECKPOINTS / "plain-question-answering"


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A copy of the plain checkpoint, to be changed."""
    for name in ("config.json", "model.safetensors"):
        shutil.copy(CHECKPOINTS / "plain-question-answering" / name, tmp_path)
    return tmp_path


def test_half_precision_weights_are_loaded_as_float32(plain: Path) -> None:
    tensors = {name: tensor.half() for name, tensor in load_file(plain / "model.safetensors").items()}
    save_file(tensors, plain / "model.safetensors", metadata={"format": "pt"})
    model = ConvBertForQuestionAnswering.from_pretrained(plain)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_backbone_loads_from_checkpoints_with_and_without_a_head(plain: Path, tmp_path: Path) -> None:
    model = ConvBertModel.from_pretrained(plain)
    model.save_pretrained(tmp_path / "backbone")
    again = ConvBertModel.from_pretrained(tmp_path / "backbone")
    assert not any(name.startswith("convbert.") for name in load_file(tmp_path / "backbone" / "model.safetensors"))
    assert hash_weights(again.state_dict()) == hash_weights(model.state_dict())
    with pytest.raises(MissingHeadError):
        ConvBertForQuestionAnswering.from_pretrained(tmp_path / "backbone")


def test_subclass_loads_the_checkpoint_of_its_base_class(tmp_path: Path) -> None:
    class Derived(ConvBertModel):
        def __init__(self, config: Any) -> None:
            super().__init__(config)
            self.own = torch.nn.Parameter(torch.ones(2))

    model = Derived.from_pretrained(PLAIN)
    assert model.own.tolist() == [1, 1]
    assert model.embeddings.word.weight.equal(ConvBertModel.from_pretrained(PLAIN).embeddings.word.weight)
    model.save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["architectures"] == ["ConvBertModel"]


def test_initialization_draws_weights_with_the_configured_range() -> None:
    torch.manual_seed(0)
    config = ConvBertConfig(vocab_size=50, hidden_size=96, num_hidden_layers=1, initializer_range=0.1)
    model: Any = ConvBertModel(config)
    assert 0.09 < model.layers[0].attention.query.weight.std().item() < 0.11
    assert not model.layers[0].attention.query.bias.any()
    assert model.embeddings.norm.weight.eq(1).all()
    assert not model.embeddings.word.weight[config.pad_token_id].any()


def test_wrapped_layers_are_saved_with_the_names_of_the_reference(tmp_path: Path) -> None:
    model: Any = ConvBertForQuestionAnswering.from_pretrained(PLAIN)
    expected = model.reference_state_dict()
    wrapped = copy.deepcopy(model)
    wrapped.convbert.layers[0] = torch.nn.DataParallel(wrapped.convbert.layers[0])
    wrapped.save_pretrained(tmp_path)
    written = load_file(tmp_path / "model.safetensors")
    assert written.keys() == expected.keys()
    assert all(written[name].equal(expected[name]) for name in expected)
