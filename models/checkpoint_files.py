"""Checks on the files in a checkpoint directory."""

from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path

from convbert_onnx.errors import CheckpointError, FileMissingError
from convbert_onnx.models.formats import FORMATS, find_format

__all__ = ["TOKENIZER_FILES", "check_directory", "describe_missing_weights", "refuse_adapter", "refuse_links"]

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
)
"""Names of files that a tokenizer may have."""

_ADAPTERS = ("adapter_config.json", "adapter_model.safetensors", "adapter_model.bin")


def check_directory(directory: Path) -> None:
    """Check that a directory can be a checkpoint, and that its files are inside it.

    Raises:
        FileMissingError: it is a file, holds adapters only, or the checkpoint is in a subdirectory.
        CheckpointError: a file is a symbolic link to a target outside the directory.
    """
    if not directory.is_dir():
        raise FileMissingError(f"{directory} is a file: name the directory with config.json and the weights")
    refuse_links(directory)
    names = {path.name for path in directory.iterdir()}
    if "config.json" in names:
        return
    refuse_adapter(names, str(directory))
    if (nested := _nested_checkpoint(directory)) and not find_format(names):
        raise FileMissingError(f"{directory} has no config.json, but {nested.name} inside it has: name {nested}")


def refuse_links(directory: Path) -> None:
    """Check that the files of a checkpoint or tokenizer are in its directory, or in the hub's cache.

    Checkpoints are untrusted: they must not choose which other files are read, or copied into an export.

    Raises:
        CheckpointError: a file is a symbolic link to a target outside the directory.
    """
    patterns = (
        "config.json",
        *TOKENIZER_FILES,
        *(pattern for format_ in FORMATS for pattern in (format_.file, *format_.parts)),
    )
    for path in directory.iterdir():
        if not path.is_symlink() or not any(fnmatch(path.name, pattern) for pattern in patterns):
            continue
        target = path.resolve()
        if not target.is_relative_to(directory.resolve()) and not _in_hub_cache(target, directory.resolve()):
            raise CheckpointError(
                f"{path} is a link to {target}, outside its directory: put the file itself there, if you trust it"
            )


def refuse_adapter(names: Iterable[str], where: str) -> None:
    """Check that files are not those of an adapter (PEFT) without its model.

    Raises:
        FileMissingError: there are files of an adapter.
    """
    if adapters := sorted(set(_ADAPTERS) & set(names)):
        raise FileMissingError(
            f"{where} has an adapter ({', '.join(adapters)}) without its base model: load both with PEFT, "
            "merge them with merge_and_unload(), and save the result with its save_pretrained"
        )


def describe_missing_weights(directory: Path) -> FileMissingError:
    """The error for a directory without weights in a known format."""
    refuse_adapter((path.name for path in directory.iterdir()), str(directory))
    names = [format_.file for format_ in FORMATS if "*" not in format_.file and not format_.parts]
    nested = _nested_checkpoint(directory)
    where = f"name {nested}, which has" if nested else "save the model there with save_pretrained"
    return FileMissingError(
        f"{directory} has neither {' nor '.join(names)}, nor shards of them, nor a .ckpt file or a TensorFlow 1 "
        f"checkpoint: {where}"
    )


def _nested_checkpoint(directory: Path) -> Path | None:
    """The first subdirectory with config.json and weights."""
    for path in sorted(directory.iterdir()):
        if path.is_dir() and (path / "config.json").is_file() and find_format(file.name for file in path.iterdir()):
            return path
    return None


def _in_hub_cache(target: Path, directory: Path) -> bool:
    """Whether a file is in the blobs of huggingface-hub's cache, where its snapshots link to."""
    blobs = target.parent
    own = directory.parent.name == "snapshots" and blobs.parent == directory.parent.parent
    return blobs.name == "blobs" and (own or blobs.parent.name.startswith("models--"))
