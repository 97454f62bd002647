"""Locate checkpoints: local directories, or repositories on the Hugging Face hub."""

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
_TIMEOUT_S = 10.0
"""Timeout of the first request to the hub."""


@dataclass(frozen=True)
class Source:
    """A local checkpoint.

    Attributes:
        directory: the directory with its files.
        name: the directory's name, or the repository's with its commit.
    """

    directory: Path
    name: str


def locate(checkpoint: str | Path, revision: str | None = None, offline: bool = False) -> Source:
    """Find the directory of a checkpoint; download it if it is a repository on the hub.

    Of several weight formats only the preferred one is downloaded. Files in huggingface-hub's cache are not downloaded
    again, and are used without a check for updates if the hub cannot be reached.

    Args:
        checkpoint: a directory, or the id of a repository, such as ``"YituTech/conv-bert-base"``.
        revision: branch, tag or commit of the repository; by default ``main``.
        offline: use the cache only, without contacting the hub, as with ``HF_HUB_OFFLINE=1`` in the environment.

    Raises:
        FileMissingError: it is neither, the revision does not exist, it is not in the cache when offline, or it is a
            file or an adapter.
        InputError: ``revision`` was given for a directory.
        HubError: the hub cannot be reached, or access to the repository must be requested.
        CheckpointError: it holds several TensorFlow 1 checkpoints, or symbolic links to files elsewhere.
        MissingExtraError: huggingface-hub is not installed.
    """
    directory = Path(checkpoint)
    if directory.exists():
        if revision is not None:
            raise InputError(
                f"{checkpoint} is a local directory and has no revision {revision}: do not pass revision=..."
            )
        check_directory(directory)
        return Source(directory, directory.resolve().name)
    repository = directory.as_posix() if isinstance(checkpoint, Path) else checkpoint
    if not _ID.fullmatch(repository) or directory.is_absolute() or {".", ".."} & set(repository.split("/")):
        raise FileMissingError(
            f"{checkpoint} is missing: name a directory that save_pretrained wrote, or a repository on the hub such as "
            "YituTech/conv-bert-base"
        )
    require(f"{repository} is not a local directory, and downloading it", "cpu,export", "huggingface_hub")
    snapshot = _download(repository, revision or _DEFAULT_REVISION, offline)
    # The name of a snapshot's directory in the cache is its commit.
    return Source(snapshot, f"{repository}@{snapshot.name[:12]}")


def _download(repository: str, revision: str, offline: bool) -> Path:
    from huggingface_hub import constants, errors

    if offline or constants.HF_HUB_OFFLINE:
        return _cached(repository, revision, "offline")
    try:
        return _fetch(repository, revision)
    except errors.HFValidationError as error:
        raise FileMissingError(
            f"{repository} is neither a local directory nor a valid repository id: name one of the two"
        ) from error
    except errors.GatedRepoError as error:
        raise HubError(
            f"{repository} is gated: request access on {constants.ENDPOINT}/{repository}, and log in with hf auth login"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise FileMissingError(
            f"{repository} is neither a local directory nor a public repository on {constants.ENDPOINT}: check the "
            "name, or log in with hf auth login if it is private"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise FileMissingError(
            f"{repository} has no revision {revision}: pass a branch, tag or commit as revision=..., or leave it out"
        ) from error
    except _network_errors() as error:
        return _cached(repository, revision, f"{constants.ENDPOINT} cannot be reached ({_reason(error)})")


def _network_errors() -> tuple[type[Exception], ...]:
    """The errors that huggingface-hub raises for failed requests: its own, and those of its HTTP library.

    The HTTP library depends on the version of huggingface-hub; its errors are base classes of huggingface-hub's.
    """
    from huggingface_hub import errors

    libraries = [base for base in errors.HfHubHTTPError.__mro__ if base.__module__ != "builtins"]
    return (ConnectionError, TimeoutError, *libraries)


def _fetch(repository: str, revision: str) -> Path:
    """Download the files that this package can use, and no others."""
    import huggingface_hub

    info = huggingface_hub.HfApi().model_info(repository, revision=revision, timeout=_TIMEOUT_S)
    names = [file.rfilename for file in info.siblings or () if "/" not in file.rfilename]
    match = find_format(names)
    if match is None or "config.json" not in names:
        refuse_adapter(names, repository)
        what = "weights" if match is None else "config.json"
        raise FileMissingError(
            f"{repository} has no {what} of a ConvBERT at revision {revision}: name another repository or revision"
        )
    format_, file = match
    patterns = [file, *format_.parts, "config.json", *TOKENIZER_FILES]
    return Path(huggingface_hub.snapshot_download(repository, revision=revision, allow_patterns=patterns))


def _cached(repository: str, revision: str, why: str) -> Path:
    """The snapshot of a repository in the cache, if the hub must not or cannot be contacted."""
    import huggingface_hub
    from huggingface_hub import errors

    directory: Path | None = None
    try:
        # Without patterns, newer clients report files that were never downloaded as missing.
        snapshot = huggingface_hub.snapshot_download(
            repository, revision=revision, local_files_only=True, allow_patterns=["config.json"]
        )
        directory = Path(snapshot)
        names = {path.name for path in directory.iterdir() if path.is_file()}
    except (errors.LocalEntryNotFoundError, errors.HFValidationError):
        names = set()
    if directory is not None and "config.json" in names and find_format(names):
        return directory
    if why == "offline":
        raise FileMissingError(
            f"{repository} is neither a local directory nor, at revision {revision}, in the cache, and offline mode is "
            "on: download it once without offline=True and HF_HUB_OFFLINE"
        )
    raise HubError(
        f"{why}, and {repository} is neither a local directory nor, at revision {revision}, in the cache: check the "
        "network, or name a directory"
    )


def _reason(error: Any) -> str:
    """The first line of the innermost cause's message."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
