"""Directories that are not checkpoints, and symbolic links in checkpoints."""

import json
import shutil
from pathlib import Path

import pytest
from golden import CHECKPOINTS

from convbert_onnx.errors import CheckpointError, FileMissingError
from convbert_onnx.exporters import export
from convbert_onnx.models import ConvBertForQuestionAnswering, convert

PLAIN = CHECKPOINTS / "plain-question-answering"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    directory = tmp_path / "checkpoint"
    shutil.copytree(PLAIN, directory)
    return directory


@pytest.mark.parametrize("name", ["vocab.txt", "tokenizer.json", "config.json", "model.safetensors"])
def test_link_to_a_file_outside_the_checkpoint_is_refused(copy: Path, tmp_path: Path, name: str) -> None:
    (copy / name).rename(tmp_path / "elsewhere")
    for target in (tmp_path / "elsewhere", Path("../elsewhere")):
        (copy / name).symlink_to(target)
        with pytest.raises(CheckpointError, match=rf"{name} is a link to .*elsewhere, outside its directory"):
            convert(copy, tmp_path / "converted")
        (copy / name).unlink()
    assert not (tmp_path / "converted").exists()


def test_link_to_a_file_outside_the_tokenizer_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tokenizer").mkdir()
    (tmp_path / "tokenizer" / "vocab.txt").symlink_to(PLAIN / "vocab.txt")
    with pytest.raises(CheckpointError, match="is a link to"):
        export(PLAIN, tmp_path / "model.onnx", tokenizer=tmp_path / "tokenizer")


def test_links_inside_the_checkpoint_are_followed(copy: Path, tmp_path: Path) -> None:
    (copy / "files").mkdir()
    (copy / "vocab.txt").rename(copy / "files" / "vocabulary")
    (copy / "vocab.txt").symlink_to("files/vocabulary")
    (copy / "notes.md").symlink_to(PLAIN / "config.json")  # not a file of a checkpoint
    (tmp_path / "linked").symlink_to(copy)
    for number, directory in enumerate((copy, tmp_path / "linked")):
        convert(directory, tmp_path / str(number))
        assert not (tmp_path / str(number) / "vocab.txt").is_symlink()
        assert (tmp_path / str(number) / "vocab.txt").read_bytes() == (PLAIN / "vocab.txt").read_bytes()


def test_links_of_the_hub_cache_are_followed(copy: Path, tmp_path: Path) -> None:
    blobs = tmp_path / "models--owner--name" / "blobs"
    snapshot = blobs.parent / "snapshots" / "0123"
    filled = tmp_path / "filled"  # as older clients fill a local directory
    for directory in (blobs, snapshot, filled):
        directory.mkdir(parents=True)
    for file in copy.iterdir():
        file.rename(blobs / f"hash-of-{file.name}")
        (snapshot / file.name).symlink_to(f"../../blobs/hash-of-{file.name}")
        (filled / file.name).symlink_to(blobs / f"hash-of-{file.name}")
    assert convert(snapshot, tmp_path / "one").sha256 == convert(filled, tmp_path / "two").sha256
    (blobs / "hash-of-vocab.txt").unlink()
    (blobs / "hash-of-vocab.txt").symlink_to(PLAIN / "vocab.txt")
    with pytest.raises(CheckpointError, match="outside its directory"):
        convert(snapshot, tmp_path / "three")


def test_error_for_a_file_says_to_name_its_directory() -> None:
    with pytest.raises(FileMissingError, match="is a file: name the directory"):
        ConvBertForQuestionAnswering.from_pretrained(PLAIN / "model.safetensors")


@pytest.mark.parametrize("with_config", [True, False])
def test_error_for_an_adapter_without_model_says_to_merge_it(tmp_path: Path, with_config: bool) -> None:
    (tmp_path / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA"}))
    (tmp_path / "adapter_model.safetensors").touch()
    (tmp_path / "training_args.bin").touch()
    if with_config:
        shutil.copy(PLAIN / "config.json", tmp_path)
    with pytest.raises(FileMissingError, match=r"without its base model: .* merge_and_unload"):
        ConvBertForQuestionAnswering.from_pretrained(tmp_path)


@pytest.mark.parametrize("with_config", [True, False])
def test_error_names_a_checkpoint_in_a_subdirectory(copy: Path, with_config: bool) -> None:
    parent = copy.parent
    (parent / "training_args.bin").touch()
    (parent / "logs").mkdir()
    if with_config:
        shutil.copy(PLAIN / "config.json", parent)
    with pytest.raises(FileMissingError, match=rf"name {copy}"):
        ConvBertForQuestionAnswering.from_pretrained(parent)
