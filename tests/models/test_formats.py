"""Choice of the weight format, and sharded checkpoints."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from golden import CHECKPOINTS
from safetensors.torch import load_file, save_file
from tensorflow_files import write_h5
from transformers import ConvBertForQuestionAnswering as Reference

from convbert_onnx.errors import (
    CheckpointError,
    FileMissingError,
)
from convbert_onnx.models import ConvBertForQuestionAnswering
from convbert_onnx.models.checkpoint import hash_weights


def source(architecture: str) -> Path:
    return CHECKPOINTS / f"{architecture}-question-answering"


def digest(directory: Path) -> str:
    return hash_weights(ConvBertForQuestionAnswering.from_pretrained(directory).state_dict())


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A checkpoint without weights."""
    shutil.copy(source("plain") / "config.json", tmp_path)
    return tmp_path


@pytest.fixture
def h5(empty: Path) -> Path:
    write_h5(empty / "tf_model.h5", load_file(source("plain") / "model.safetensors"))
    return empty


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    Reference.from_pretrained(source("plain")).save_pretrained(tmp_path, max_shard_size="100KB")
    assert len(list(tmp_path.glob("model-*-of-*.safetensors"))) > 2
    assert not (tmp_path / "model.safetensors").exists()
    return tmp_path


def rename_shard(directory: Path, name: Any) -> None:
    """Change the name of one weight's file in the index."""
    index = directory / "model.safetensors.index.json"
    content = json.loads(index.read_text())
    content["weight_map"]["qa_outputs.bias"] = name
    index.write_text(json.dumps(content))


@pytest.mark.parametrize("safe", [True, False])
def test_sharded_checkpoint_gives_the_same_model(tmp_path: Path, safe: bool) -> None:
    reference = Reference.from_pretrained(source("plain"))
    reference.save_pretrained(tmp_path, max_shard_size="100KB", safe_serialization=safe)
    suffix = "safetensors" if safe else "bin"
    assert len(list(tmp_path.glob(f"*-of-*.{suffix}"))) > 2
    assert digest(tmp_path) == digest(source("plain"))


def test_changed_shard_changes_the_model(shards: Path) -> None:
    shard = next(path for path in shards.glob("model-*.safetensors") if "qa_outputs.bias" in load_file(path))
    tensors = load_file(shard)
    tensors["qa_outputs.bias"] = tensors["qa_outputs.bias"] + 1e-3
    save_file(tensors, shard, metadata={"format": "pt"})
    assert digest(shards) != digest(source("plain"))


def test_missing_shard_is_named(shards: Path) -> None:
    shard = min(shards.glob("model-*.safetensors"))
    shard.unlink()
    with pytest.raises(FileMissingError, match=rf"{shard.name} is missing, which model\.safetensors\.index"):
        digest(shards)


@pytest.mark.parametrize("name", ["../model.safetensors", "{folder}/m.safetensors", "a/b", "..", "", "..\\m", 5, None])
def test_shards_outside_the_directory_are_refused(shards: Path, name: Any) -> None:
    rename_shard(shards, name.format(folder=shards) if isinstance(name, str) else name)
    with pytest.raises(CheckpointError, match="outside its directory"):
        digest(shards)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"weight_map": 5}', '{"weight_map": {"a": []}}'])
def test_damaged_shard_index_is_refused(shards: Path, text: str) -> None:
    (shards / "model.safetensors.index.json").write_text(text)
    with pytest.raises(CheckpointError, match="is not an index of shards"):
        digest(shards)


def test_old_names_of_normalization_weights_are_read(empty: Path) -> None:
    tensors = load_file(source("plain") / "model.safetensors")
    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): tensor
        for name, tensor in tensors.items()
    }
    assert old.keys() != tensors.keys()
    torch.save(old, empty / "pytorch_model.bin")
    assert digest(empty) == digest(source("plain"))


def test_several_tensorflow_checkpoints_are_refused(empty: Path) -> None:
    for name in ("a.index", "b.index"):
        (empty / name).touch()
    with pytest.raises(CheckpointError, match=r"several checkpoints \(a\.index, b\.index\)"):
        digest(empty)


def test_preferred_format_is_read(h5: Path) -> None:
    (h5 / "pytorch_model.bin").write_bytes(b"damaged")
    shutil.copy(source("plain") / "model.safetensors", h5)
    assert digest(h5) == digest(source("plain"))
    (h5 / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"pytorch_model\.bin cannot be read"):
        digest(h5)
