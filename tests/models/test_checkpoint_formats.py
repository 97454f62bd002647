"""Checkpoints in every format but plain safetensors; what real TensorFlow writes is in test_tensorflow.py."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import h5py
import pytest
import torch
from golden import CHECKPOINTS
from safetensors.torch import load_file, save_file
from tensorflow_files import write_h5
from transformers import ConvBertForQuestionAnswering as Reference

from convbert_onnx.errors import (
    CheckpointError,
    FileMissingError,
    MissingExtraError,
    MissingHeadError,
    MissingPackageError,
)
from convbert_onnx.models import ConvBertForQuestionAnswering, ConvBertModel
from convbert_onnx.models.checkpoint import hash_weights


def source(architecture: str) -> Path:
    return CHECKPOINTS / f"{architecture}-question-answering"


def digest(directory: Path) -> str:
    return hash_weights(ConvBertForQuestionAnswering.from_pretrained(directory).state_dict())


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A checkpoint that lacks its weights."""
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
    """Let the index name another file for its first weight."""
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


@pytest.mark.parametrize("architecture", ["plain", "grouped"])
def test_h5_gives_the_same_model(tmp_path: Path, architecture: str) -> None:
    shutil.copy(source(architecture) / "config.json", tmp_path)
    write_h5(tmp_path / "tf_model.h5", load_file(source(architecture) / "model.safetensors"))
    assert digest(tmp_path) == digest(source(architecture))


@pytest.mark.parametrize("name", ["layer_._1/attention/self/query/kernel", "key_conv_attn_layer/depthwise_kernel"])
def test_reordered_h5_kernel_changes_the_model(h5: Path, name: str) -> None:
    with h5py.File(h5 / "tf_model.h5", "r+") as file:
        names: list[str] = []
        file.visit(names.append)
        dataset = file[next(found for found in names if name in found)]
        dataset[...] = dataset[...][::-1]
    assert digest(h5) != digest(source("plain"))


def test_tied_weight_stored_twice_in_h5_is_read_once(h5: Path) -> None:
    with h5py.File(h5 / "tf_model.h5", "r+") as file:
        place = "tf_conv_bert_for_question_answering/convbert/embeddings/word_embeddings/weight:0"
        file[f"generator_lm_head/{place}"] = file[f"convbert/{place}"][...]
    assert digest(h5) == digest(source("plain"))


def test_error_lists_missing_and_unexpected_weights_of_h5(h5: Path) -> None:
    with h5py.File(h5 / "tf_model.h5", "r+") as file:
        scope = file["convbert/tf_conv_bert_for_question_answering/convbert"]
        scope.move("encoder/layer_._0/output/dense/bias:0", "encoder/layer_._9/output/dense/bias:0")
    with pytest.raises(CheckpointError) as caught:
        digest(h5)
    assert "missing: encoder.layer.0.output.dense.bias" in str(caught.value)
    assert "unexpected: encoder.layer_._9.output.dense.bias" in str(caught.value)


def test_h5_with_a_backbone_alone_has_no_head(empty: Path) -> None:
    tensors = load_file(source("plain") / "model.safetensors")
    backbone = {name: tensor for name, tensor in tensors.items() if name.startswith("convbert.")}
    write_h5(empty / "tf_model.h5", backbone, "tf_conv_bert_model_3")
    read = ConvBertModel.from_pretrained(empty).state_dict()
    assert hash_weights(read) == hash_weights(ConvBertModel.from_pretrained(source("plain")).state_dict())
    with pytest.raises(MissingHeadError):
        digest(empty)


def test_damaged_h5_is_refused(h5: Path) -> None:
    path = h5 / "tf_model.h5"
    content = path.read_bytes()
    for damaged in (b"", b"no h5 at all", content[:2000], content[: len(content) // 2]):
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError, match=r"tf_model\.h5 cannot be read as weights"):
            digest(h5)
    with h5py.File(path, "w") as file:
        file["convbert/model/convbert/embeddings/word_embeddings/weight:0"] = "text"
    with pytest.raises(CheckpointError, match=r"tf_model\.h5 cannot be read as weights"):
        digest(h5)


def without(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    """Make a package look as if it were not installed."""
    monkeypatch.delitem(sys.modules, package, raising=False)
    find = sys.modules["importlib.util"].find_spec
    for module in ("convbert_onnx.packages", "convbert_onnx.models.read_tf1"):
        monkeypatch.setattr(f"{module}.find_spec", lambda name: None if name == package else find(name))


def test_error_without_h5py_says_what_to_install(h5: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "h5py")
    with pytest.raises(MissingExtraError, match=r"needs h5py: pip install 'convbert-onnx\[tf\]'"):
        digest(h5)


def test_error_without_tensorflow_says_to_convert(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "tensorflow")
    for name in ("model.ckpt.index", "model.ckpt.data-00000-of-00001", "model.ckpt.meta"):
        (empty / name).touch()
    with pytest.raises(MissingPackageError, match=r"pip install tensorflow, and run convbert-onnx convert .* once"):
        digest(empty)
    (empty / "model.ckpt.data-00000-of-00001").unlink()
    with pytest.raises(FileMissingError, match=r"model\.ckpt\.data-00000-of-00001 is missing"):
        digest(empty)


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
