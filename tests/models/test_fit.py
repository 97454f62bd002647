"""Checks of stored weights against a config."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from golden import CHECKPOINTS
from safetensors.torch import load_file, save_file

from convbert_onnx.errors import CheckpointError, ConfigError
from convbert_onnx.models import ConvBertForMultipleChoice, ConvBertForQuestionAnswering

PLAIN = CHECKPOINTS / "plain-question-answering"


def changed(directory: Path, **entries: Any) -> Path:
    values = json.loads((PLAIN / "config.json").read_text())
    (directory / "config.json").write_text(json.dumps(values | entries))
    if not (directory / "model.safetensors").exists():
        shutil.copy(PLAIN / "model.safetensors", directory)
    return directory


@pytest.mark.parametrize(
    ("field", "value", "stored"),
    [
        ("num_hidden_layers", 900, 3),
        ("vocab_size", 10_000_000, 3425),
        ("embedding_size", 32, 16),
        ("max_position_embeddings", 1_000_000, 512),
        ("type_vocab_size", 1, 2),
        ("intermediate_size", 66, 64),
        ("conv_kernel_size", 11, 9),
    ],
)
def test_error_names_the_config_field_that_differs(tmp_path: Path, field: str, value: int, stored: int) -> None:
    with pytest.raises(CheckpointError, match=rf"{field} is {value} in the config and {stored} in the weights"):
        ConvBertForQuestionAnswering.from_pretrained(changed(tmp_path, **{field: value}))


@pytest.mark.parametrize("field", ["attention_probs_dropout_prob", "summary_first_dropout"])
def test_value_that_a_layer_rejects_is_a_config_error(tmp_path: Path, field: str) -> None:
    shutil.copy(CHECKPOINTS / "plain-multiple-choice" / "model.safetensors", tmp_path)
    with pytest.raises(ConfigError):
        ConvBertForMultipleChoice.from_pretrained(changed(tmp_path, **{field: "x" if "summary" in field else None}))


def test_long_lists_of_names_are_truncated(tmp_path: Path) -> None:
    tensors = load_file(PLAIN / "model.safetensors")
    save_file(tensors | {f"other.{n}": torch.ones(1) for n in range(5000)}, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"unexpected: other\.0, .* and 4976 more") as caught:
        ConvBertForQuestionAnswering.from_pretrained(changed(tmp_path))
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (torch.zeros(2, dtype=torch.int8), "is torch.int8, not floating point"),
        (torch.zeros(2, dtype=torch.complex64), "not floating point"),
        (torch.zeros(2, device="meta"), "on the meta device"),
        (torch.ones(2).to_sparse(), "save plain tensors"),
        (torch.tensor([0.0, float("nan")]), "NaN or infinite values in qa_outputs.bias"),
        (torch.tensor([0.0, float("inf")]), "NaN or infinite"),
        (torch.ones(1).expand(10**12), r"qa_outputs.bias \(1000000000000,\) instead of \(2,\)"),
    ],
)
def test_unusable_tensors_are_refused(tensor: torch.Tensor, message: str) -> None:
    model = ConvBertForQuestionAnswering.from_pretrained(PLAIN)
    state = model.reference_state_dict() | {"qa_outputs.bias": tensor}
    with pytest.raises(CheckpointError, match=message):
        ConvBertForQuestionAnswering.from_state_dict(model.config, state)
