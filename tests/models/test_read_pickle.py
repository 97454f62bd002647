"""Reading of files that torch.save wrote."""

import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from golden import CHECKPOINTS
from safetensors.torch import load_file

from convbert_onnx.errors import CheckpointError
from convbert_onnx.models import ConvBertForQuestionAnswering
from convbert_onnx.models.checkpoint import hash_weights

PLAIN = CHECKPOINTS / "plain-question-answering"
TENSORS = load_file(PLAIN / "model.safetensors")


def read(directory: Path, content: Any, name: str = "pytorch_model.bin", **options: Any) -> str:
    shutil.copy(PLAIN / "config.json", directory)
    torch.save(content, directory / name, **options)
    return hash_weights(ConvBertForQuestionAnswering.from_pretrained(directory).state_dict())


@pytest.fixture
def expected_hash() -> str:
    return hash_weights(ConvBertForQuestionAnswering.from_pretrained(PLAIN).state_dict())


@pytest.mark.parametrize("name", ["pytorch_model.bin", "epoch=3-step=10.ckpt"])
def test_state_dict_inside_a_trainer_checkpoint_is_read(tmp_path: Path, expected_hash: str, name: str) -> None:
    state = {f"model.{name}": tensor for name, tensor in TENSORS.items()}
    content = {
        "epoch": 3,
        "pytorch-lightning_version": "2.4.0",
        "state_dict": state | {"loss.weight": torch.ones(2)},
        "optimizer_states": [{"state": {0: {"step": torch.ones(1)}}}],
        "hyper_parameters": {"lr": 1e-4},
        "callbacks": {},
    }
    assert read(tmp_path, content, name) == expected_hash


def test_old_pickles_without_zip_archive_are_read(tmp_path: Path, expected_hash: str) -> None:
    assert read(tmp_path, TENSORS, _use_new_zipfile_serialization=False) == expected_hash


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"a": TENSORS, "b": TENSORS}, r"several state dicts \('a', 'b'\)"),
        ({"epoch": 3, "state_dict": {}}, "does not hold named tensors"),
        ({**TENSORS, "epoch": 3}, "does not hold named tensors"),
        ({5: torch.ones(2)}, "does not hold named tensors"),
        (torch.ones(2), "does not hold named tensors"),
        (torch.nn.Linear(2, 2), r"holds Python objects, which can run code\): save the model's state_dict\(\)"),
        ({"a": bytearray(100)}, "torch.save writes no such file"),
    ],
)
def test_files_without_exactly_one_state_dict_are_refused(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        read(tmp_path, content)


def test_compressed_archive_is_refused(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(1000, 1000)}, tmp_path / "plain.bin")
    with (
        zipfile.ZipFile(tmp_path / "plain.bin") as plain,
        zipfile.ZipFile(tmp_path / "pytorch_model.bin", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for entry in plain.infolist():
            packed.writestr(entry.filename, plain.read(entry))
    shutil.copy(PLAIN / "config.json", tmp_path)
    with pytest.raises(CheckpointError, match=r"torch\.save writes no such file"):
        ConvBertForQuestionAnswering.from_pretrained(tmp_path)
