"""Writing files so that a half-written one never has the name that was asked for."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["replacing", "replacing_together"]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its name when the block ends well, and is removed otherwise.

    A pipe or device is no file to be replaced: it is yielded as it is.
    """
    path = path.resolve()  # a link stays a link
    if path.exists() and not path.is_file():
        yield path
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f"{path.name}.tmp-", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        _make_readable(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_together(directory: Path, last: str | None = None) -> Iterator[Path]:
    """A temporary directory whose files move to ``directory`` when the block ends well, and are removed otherwise.

    Args:
        directory: is made if needed; files of other names in it stay.
        last: name of the file that moves after all others, because it refers to them.
    """
    directory = directory.resolve()
    missing = [path for path in (directory, *directory.parents) if not path.exists()]
    directory.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f"{directory.name}.tmp-", dir=directory))
    try:
        yield temporary
        for path in sorted(temporary.iterdir(), key=lambda path: (path.name == last, path.name)):
            _make_readable(path)
            path.replace(directory / path.name)
        missing = []
    finally:
        shutil.rmtree(temporary)
        with suppress(OSError):  # somebody else has put something there meanwhile
            for path in missing:
                path.rmdir()


def _make_readable(path: Path) -> None:
    """Give a file the mode that open() would have given it: temporary ones can be read by their owner only."""
    umask = os.umask(0)
    os.umask(umask)
    path.chmod(0o666 & ~umask)
