"""Files open for reading, and how changes to them are detected."""

import os
from pathlib import Path
from random import Random

import pytest

from convbert_onnx.runtime.model_files.open_file import OpenFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(Random(0).randbytes(2**20))
    return path


def test_slices_are_those_of_the_file(path: Path) -> None:
    data, random = path.read_bytes(), Random(1)
    file = OpenFile(path)
    assert file.stamp.size == len(data)
    for largest in (10, 10_000, 10**6):
        for _ in range(50):
            start = random.randrange(len(data))
            stop = start + random.randrange(largest)
            assert file[start:stop] == data[start:stop]
    assert file[len(data) : len(data) + 5] == b""
    file.close()


def test_unchanged_is_false_after_a_write(path: Path) -> None:
    file = OpenFile(path)
    assert file.unchanged(path)
    os.utime(path, (1, 1))
    assert not file.unchanged(path)
    assert not file.current_stamp().same_content(file.stamp)
    file.close()


def test_renamed_file_has_the_same_content_but_not_the_same_path(path: Path) -> None:
    file = OpenFile(path)
    path.rename(path.with_name("renamed"))
    assert not file.unchanged(path)
    assert file.current_stamp().same_content(file.stamp)
    path.write_bytes(bytes(2**20))
    assert not file.unchanged(path)
    file.close()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_named_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    OpenFile(tmp_path / "pipe").close()


def test_missing_file_raises(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        OpenFile(tmp_path / "gone")
