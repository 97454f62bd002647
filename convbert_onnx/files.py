"""Atomic writes: a file gets its name only when it is complete.

Files in progress lie in a folder ``NAME.partial`` beside the target ``NAME``, on the same file system. There is one
such folder per target, so repeated kills leave one at most, and the next writer of the target clears it. The writer
holds a lock on it (``flock``, where the system has it): a second writer of the same target is refused.
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
except ImportError:  # Windows: two writers of one target are not noticed there
    fcntl = None  # type: ignore[assignment]

__all__ = ["partial_folder", "replacing"]

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

_LOCK = ".lock"
"""Marks a folder as ours, and names the process that has locked it. It is made first and removed last."""


def partial_folder(target: Path) -> Path:
    """The folder that holds ``target`` until it is complete. A link is followed."""
    path = _real(target)
    return path.with_name(f"{path.name}.partial")


@contextmanager
def replacing(target: Path, *, keep: bool = False) -> Iterator[Path]:
    """A temporary path that takes the name ``target`` when the block ends well, and is removed otherwise.

    It lies in a folder of its own. What else is written into that folder moves along, except for folders and for files
    whose names begin with a dot.

    Args:
        target: the file; it moves last, because the others belong to it. A link stays a link. Its directory is made if
            needed, and files of other names in it stay.
        keep: keep what an earlier block left in the folder, and leave it there when this one fails.

    Raises:
        OutputError: there can be no file of that name, or another process writes it.
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
        if error.errno not in _NO_ROOM:
            raise
        raise OutputError(f"{target} cannot be written: {error.strerror}; make room for it") from error
    finally:
        if lock is not None:
            try:
                if not keep:
                    _remove(folder)
            except BaseException:  # a signal must not leave the folder
                _remove(folder)
                raise
            finally:
                os.close(lock)
        with suppress(OSError):  # kept, or somebody else has put something there meanwhile
            for parent in missing:
                parent.rmdir()


def _real(target: Path) -> Path:
    return Path(os.path.realpath(target))  # unlike resolve(), it takes links in a circle


def _finish(folder: Path, path: Path, beside: Path) -> None:
    """Give the complete files their names: the target ``path``, and the others ``beside``."""
    moves = {file: beside / file.name for file in sorted(folder.iterdir()) if _moves(file) and file.name != path.name}
    moves[folder / path.name] = path
    for file, name in moves.items():
        # On the disk before it has its name: a crash of the system must not leave half of it.
        with file.open("rb+") as content:
            os.fsync(content.fileno())
        if name.exists():
            shutil.copymode(name, file)
    if len(moves) > 1:
        path.unlink(missing_ok=True)  # rather none than the old one with a new file beside it
    for file, name in moves.items():
        file.replace(name)


def _moves(file: Path) -> bool:
    return file.is_file() and not file.name.startswith(".")


def _lock(folder: Path, path: Path) -> int:
    """Make the folder if needed and lock it, until the descriptor is closed."""
    while True:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            folder.mkdir()
        try:
            names = {file.name for file in folder.iterdir()}
            if folder.is_symlink() or (names and _LOCK not in names):
                raise NotADirectoryError
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:  # its owner has just removed the folder
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
                "name another file"
            ) from error
        except OSError:
            pass  # a file system without locks
        if _is_at(folder / _LOCK, lock):
            with suppress(OSError):  # a full disk
                os.ftruncate(lock, 0)
                os.write(lock, str(os.getpid()).encode())
            return lock
        os.close(lock)  # its owner has removed it between the two calls


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
    with suppress(OSError):  # what stays is cleared by the next writer
        _clear(folder)
        (folder / _LOCK).unlink(missing_ok=True)
        folder.rmdir()
