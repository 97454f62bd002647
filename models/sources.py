"""Where checkpoints come from: a directory here, or a repository of the Hugging Face hub."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convbert_onnx.errors import FileMissingError, HubError, InputError
from convbert_onnx.models.checkpoint_files import TOKENIZER_FILES, check_directory, refuse_adapter
from convbert_onnx.models.formats import find_format
from convbert_onnx.packages import require

__all__ = ["Source", "locate"]

_ID = re.compile(r"[\w.-]+(/[\w.-]+)?", re.ASCII)
_DEFAULT_REVISION = "main"
_TIMEOUT = 10.0
"""Seconds that the hub has for its answer."""


@dataclass(frozen=True)
class Source:
    """A checkpoint that is here.

    Attributes:
        directory: holds its files.
        name: what to call it: the directory's name, or the repository's with its commit.
    """

    directory: Path
    name: str


def locate(checkpoint: str | Path, revision: str | None = None, offline: bool = False) -> Source:
    """The directory of a checkpoint, which is downloaded if it is a repository of the hub and not here yet.

    Of several weight formats only the best is downloaded. What is in the cache of huggingface-hub is not downloaded
    again, and is taken as it is where the hub cannot be reached.

    Args:
        checkpoint: a directory, or else the id of a repository, such as ``"YituTech/conv-bert-base"``.
        revision: branch, tag or commit of the repository; by default ``main``.
        offline: do not ask the hub; ``HF_HUB_OFFLINE=1`` in the environment does the same.

    Raises:
        FileMissingError: it is neither, there is no such revision, it is not in the cache and must not be downloaded,
            or it is a file or an adapter.
        InputError: a directory that is here was given a revision.
        HubError: the hub cannot be reached, or the repository asks for a permission.
        CheckpointError: it holds several TensorFlow 1 checkpoints, or links to files elsewhere.
        MissingExtraError: huggingface-hub is not installed.
    """
    directory = Path(checkpoint)
    if directory.exists():
        if revision is not None:
            raise InputError(
                f"{checkpoint} is here and no repository of the hub, so that it has no revision {revision}: leave the "
                "revision out"
            )
        check_directory(directory)
        return Source(directory, directory.resolve().name)
    repository = directory.as_posix() if isinstance(checkpoint, Path) else checkpoint
    if not _ID.fullmatch(repository) or directory.is_absolute() or {".", ".."} & set(repository.split("/")):
        raise FileMissingError(
            f"{checkpoint} is missing: name a directory that save_pretrained wrote, or a repository of the hub such as "
            "YituTech/conv-bert-base"
        )
    require(f"{repository} is no directory here, and asking the hub", "cpu,export", "huggingface_hub")
    snapshot = _download(repository, revision or _DEFAULT_REVISION, offline)
    # The cache names a snapshot's directory by its commit.
    return Source(snapshot, f"{repository}@{snapshot.name[:12]}")


def _download(repository: str, revision: str, offline: bool) -> Path:
    from huggingface_hub import constants, errors

    if offline or constants.HF_HUB_OFFLINE:
        return _cached(repository, revision, "offline")
    try:
        return _fetch(repository, revision)
    except errors.HFValidationError as error:
        raise FileMissingError(f"{repository} is no directory here, and no name of a repository of the hub") from error
    except errors.GatedRepoError as error:
        raise HubError(
            f"{repository} asks for a permission: request it on {constants.ENDPOINT}/{repository}, and log in with "
            "hf auth login"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise FileMissingError(
            f"{repository} is neither a directory here nor a public repository on {constants.ENDPOINT}: check the "
            "name, or log in with hf auth login if it is private"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise FileMissingError(
            f"{repository} has no revision {revision}: name a branch, tag or commit with --revision, or leave it out"
        ) from error
    except _network_errors() as error:
        return _cached(repository, revision, f"{constants.ENDPOINT} cannot be reached ({_reason(error)})")


def _network_errors() -> tuple[type[Exception], ...]:
    """What the client raises when the hub does not answer as it should: its own errors, and its HTTP library's.

    Which library that is depends on the client's version; its errors are bases of the client's.
    """
    from huggingface_hub import errors

    libraries = [base for base in errors.HfHubHTTPError.__mro__ if base.__module__ != "builtins"]
    return (ConnectionError, TimeoutError, *libraries)


def _fetch(repository: str, revision: str) -> Path:
    """The files that can be used here, and no others."""
    import huggingface_hub

    info = huggingface_hub.HfApi().model_info(repository, revision=revision, timeout=_TIMEOUT)
    names = [file.rfilename for file in info.siblings or () if "/" not in file.rfilename]
    found = find_format(names)
    if found is None or "config.json" not in names:
        refuse_adapter(names, repository)
        what = "weights" if found is None else "config.json"
        raise FileMissingError(f"{repository} has no {what} of a ConvBERT at revision {revision}: name another one")
    known, file = found
    wanted = [file, *known.parts, "config.json", *TOKENIZER_FILES]
    return Path(huggingface_hub.snapshot_download(repository, revision=revision, allow_patterns=wanted))


def _cached(repository: str, revision: str, why: str) -> Path:
    """What the cache has of a repository, because the hub must not or cannot be asked."""
    import huggingface_hub
    from huggingface_hub import errors

    directory: Path | None = None
    try:
        # Newer clients miss everything that was not downloaded, unless they are told what matters.
        found = huggingface_hub.snapshot_download(
            repository, revision=revision, local_files_only=True, allow_patterns=["config.json"]
        )
        directory = Path(found)
        names = {path.name for path in directory.iterdir() if path.is_file()}
    except (errors.LocalEntryNotFoundError, errors.HFValidationError):
        names = set()
    if directory is not None and "config.json" in names and find_format(names):
        return directory
    if why == "offline":
        raise FileMissingError(
            f"{repository} is neither a directory here nor, at revision {revision}, in the cache, and offline mode is "
            "on: download it once without --offline and HF_HUB_OFFLINE"
        )
    raise HubError(
        f"{why}, and {repository} is neither a directory here nor, at revision {revision}, in the cache: check the "
        "network, or name a directory"
    )


def _reason(error: Any) -> str:
    """One line of an error whose text may be long: the innermost cause's."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
