"""Atomic writes: a file gets its final name only when complete.

Incomplete files are in a folder ``NAME.partial`` next to the target ``NAME``, on the same file system. Each target has
one such folder, so that killed processes leave at most one, which the next writer of the target clears. The writer
locks the folder (with ``flock``, if the system has it), and a second writer of the same target is refused.
"""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from convbert_onnx.errors import OutputError

try:
    import fcntl
except ImportError:  # Windows: two writers of one target are not detected
    fcntl = None  # type: ignore[assignment]

__all__ = ["partial_folder", "replacing"]

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

_LOCK = ".lock"
"""Marks a folder as ours, and holds the id of the process that locked it. Created first, removed last."""


def partial_folder(target: Path) -> Path:
    """The folder that holds ``target`` until it is complete. Follows symbolic links."""
    path = _real(target)
    return path.with_name(f"{path.name}.partial")


@contextmanager
def replacing(target: Path, *, keep: bool = False) -> Iterator[Path]:
    """Yield a temporary path that is renamed to ``target`` if the block succeeds, and removed otherwise.

    The path is in its own folder. Other files that the block writes to that folder are moved next to the target, except
    subfolders and files whose names begin with a dot.

    Args:
        target: the file, which is moved last. If it is a symbolic link, the file it points to is replaced. Its
            directory is created if needed; files with other names in the directory are kept.
        keep: keep the files of an earlier, failed block, and leave them in place if this one fails.

    Raises:
        OutputError: a file of that name cannot be written, or another process is writing it.
    """
    path = _real(target)
    if path.is_dir():
        raise OutputError(f"{target} is a directory: name a file")
    if path.exists() and not path.is_file():
        raise OutputError(f"{target} is not a regular file: name a file")
    folder = partial_folder(path)
    missing = [parent for parent in path.parents if not parent.exists()]
    lock: int | None = None
    try:
        lock = _lock(folder, path)
        if not keep:
            _clear(folder)
        yield folder / path.name
        _finish(folder, path, _real(target.parent))
        missing, keep = [], False
    except OSError as error:
        if error.errno not in _DISK_FULL:
            raise
        raise OutputError(f"{target} cannot be written: {error.strerror}; make room for it") from error
    finally:
        if lock is not None:
            try:
                if not keep:
                    _remove(folder)
            except BaseException:  # a signal must not leave the folder behind
                _remove(folder)
                raise
            finally:
                os.close(lock)
        with suppress(OSError):  # not empty: kept, or another process wrote to it
            for parent in missing:
                parent.rmdir()


def _real(target: Path) -> Path:
    return Path(os.path.realpath(target))  # unlike resolve(), accepts circular links


def _finish(folder: Path, path: Path, parent: Path) -> None:
    """Move the complete files: the target to ``path``, the others to ``parent``."""
    moves = {file: parent / file.name for file in sorted(folder.iterdir()) if _moves(file) and file.name != path.name}
    moves[folder / path.name] = path
    for file, name in moves.items():
        # Flushed to disk before the rename, so that a system crash cannot leave half a file.
        with file.open("rb+") as content:
            os.fsync(content.fileno())
        if name.exists():
            shutil.copymode(name, file)
    if len(moves) > 1:
        path.unlink(missing_ok=True)  # no target is better than an old target with new files next to it
    for file, name in moves.items():
        file.replace(name)


def _moves(file: Path) -> bool:
    return file.is_file() and not file.name.startswith(".")


def _lock(folder: Path, path: Path) -> int:
    """Create the folder if needed, and lock it until the returned descriptor is closed."""
    while True:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            folder.mkdir()
        try:
            names = {file.name for file in folder.iterdir()}
            if folder.is_symlink() or (names and _LOCK not in names):
                raise NotADirectoryError
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:  # another process has just removed the folder
            continue
        except NotADirectoryError as error:
            raise OutputError(f"{folder} is in the way: move it elsewhere, so that {path} can be written") from error
        try:
            if fcntl is not None:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.read(lock, 20).decode(errors="replace").strip()
            os.close(lock)
            raise OutputError(
                f"{path} is being written by another process{f' ({owner})' if owner else ''}: wait until it ends, or "
                "choose another file name"
            ) from error
        except OSError:
            pass  # a file system without locks
        if _is_at(folder / _LOCK, lock):
            with suppress(OSError):  # a full disk
                os.ftruncate(lock, 0)
                os.write(lock, str(os.getpid()).encode())
            return lock
        os.close(lock)  # another process removed it between the two calls


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != _LOCK:
            path.unlink()


def _remove(folder: Path) -> None:
    with suppress(OSError):  # the next writer clears what remains
        _clear(folder)
        (folder / _LOCK).unlink(missing_ok=True)
        folder.rmdir()
