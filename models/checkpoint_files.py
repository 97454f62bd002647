"""The files of a checkpoint's directory: which of them belong to it, and what a directory lacks that is not one."""

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
"""What a tokenizer may consist of."""

_ADAPTERS = ("adapter_config.json", "adapter_model.safetensors", "adapter_model.bin")


def check_directory(directory: Path) -> None:
    """Make sure that a directory may be a checkpoint, and that what would be read of it lies in it.

    Raises:
        FileMissingError: it is a file, holds only adapters, or a directory inside it is the checkpoint.
        CheckpointError: a file is a link to somewhere else.
    """
    if not directory.is_dir():
        raise FileMissingError(f"{directory} is a file: name the directory with config.json and the weights")
    refuse_links(directory)
    names = {path.name for path in directory.iterdir()}
    if "config.json" in names:
        return
    refuse_adapter(names, str(directory))
    if (inner := _inner(directory)) and not find_format(names):
        raise FileMissingError(f"{directory} has no config.json, but {inner.name} inside it has: name {inner}")


def refuse_links(directory: Path) -> None:
    """Make sure that files of a checkpoint or tokenizer are in its directory, or in the hub's cache.

    A checkpoint comes from somebody else: it must not choose which other files are read, or copied into an export.

    Raises:
        CheckpointError: a file is a link to somewhere else.
    """
    known = ("config.json", *TOKENIZER_FILES, *(pattern for one in FORMATS for pattern in (one.file, *one.parts)))
    for path in directory.iterdir():
        if not path.is_symlink() or not any(fnmatch(path.name, pattern) for pattern in known):
            continue
        place = path.resolve()
        if not place.is_relative_to(directory.resolve()) and not _in_hub_cache(place, directory.resolve()):
            raise CheckpointError(
                f"{path} is a link to {place}, outside its directory: put the file itself there, if you trust it"
            )


def refuse_adapter(names: Iterable[str], where: str) -> None:
    """Make sure that files are not those of an adapter alone.

    Raises:
        FileMissingError: they are.
    """
    if found := sorted(set(_ADAPTERS) & set(names)):
        raise FileMissingError(
            f"{where} has an adapter ({', '.join(found)}) and not the model that it changes: load both with PEFT, "
            "merge them with merge_and_unload(), and save the result with its save_pretrained"
        )


def describe_missing_weights(directory: Path) -> FileMissingError:
    """The error for a directory with none of the known files of weights."""
    refuse_adapter((path.name for path in directory.iterdir()), str(directory))
    names = [known.file for known in FORMATS if "*" not in known.file and not known.parts]
    inner = _inner(directory)
    where = f"name {inner}, which has" if inner else "save the model there with save_pretrained"
    return FileMissingError(
        f"{directory} has neither {' nor '.join(names)}, nor shards of them, nor a .ckpt file or a TensorFlow 1 "
        f"checkpoint: {where}"
    )


def _inner(directory: Path) -> Path | None:
    """A directory inside that looks like the checkpoint."""
    for path in sorted(directory.iterdir()):
        if path.is_dir() and (path / "config.json").is_file() and find_format(file.name for file in path.iterdir()):
            return path
    return None


def _in_hub_cache(place: Path, directory: Path) -> bool:
    """Whether a file is where huggingface-hub keeps what a snapshot, or a directory that it filled, links to."""
    blobs = place.parent
    own = directory.parent.name == "snapshots" and blobs.parent == directory.parent.parent
    return blobs.name == "blobs" and (own or blobs.parent.name.startswith("models--"))
