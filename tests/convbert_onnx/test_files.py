"""Atomic writes."""

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from convbert_onnx.errors import OutputError
from convbert_onnx.files import partial_folder, replacing


def test_target_appears_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    with replacing(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
        assert temporary.parent == partial_folder(path) == tmp_path / "new" / "file.partial"
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()


def test_failure_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_error_on_a_full_disk_names_the_target(tmp_path: Path) -> None:
    message = "file cannot be written: No space left on device; make room for it"
    with pytest.raises(OutputError, match=message), replacing(tmp_path / "file"), Path("/dev/full").open("w") as full:
        full.write("x")
    assert list(tmp_path.iterdir()) == []


def test_failure_removes_new_directories(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), replacing(tmp_path / "new" / "deep" / "file") as temporary:
        temporary.touch()
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_replaced_file_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o600)
    with replacing(path) as temporary:
        temporary.write_text("new")
    assert path.stat().st_mode & 0o777 == 0o600


def test_symbolic_link_is_followed_and_kept(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "file").write_text("old")
    (tmp_path / "link").symlink_to("far/file")
    with replacing(tmp_path / "link") as temporary:
        temporary.write_text("new")
        temporary.with_name("other").write_text("next to the link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "far" / "file").read_text() == "new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["far", "link", "other"]


def test_other_files_are_moved_before_the_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moved: list[str] = []
    replace = Path.replace

    def recording(self: Path, target: Path) -> Path:
        moved.append(self.name)
        assert not (tmp_path / "b").exists()  # the target is never next to incomplete other files
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", recording)
    for name in ("b", "kept"):
        (tmp_path / name).write_text("old")
    with replacing(tmp_path / "b") as temporary:
        for name in ("a", "b", "c", ".hidden"):
            temporary.with_name(name).write_text(name)
        temporary.with_name("folder").mkdir()
        assert moved == []
    assert moved == ["a", "c", "b"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "c", "kept"]


def test_targets_that_cannot_be_written_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "file.partial").write_text("the user's")
    (tmp_path / "other.partial").mkdir()
    (tmp_path / "other.partial" / "notes").write_text("the user's")
    (tmp_path / "linked.partial").symlink_to("other.partial")
    for name, message in (
        ("pipe", "pipe is not a regular file: name a file"),
        ("/dev/null", "/dev/null is not a regular file"),
        ("folder", "folder is a directory: name a file"),
        ("file", "file.partial is in the way: move it elsewhere"),
        ("other", "other.partial is in the way"),
        ("linked", "linked.partial is in the way"),
    ):
        with pytest.raises(OutputError, match=message), replacing(tmp_path / name):
            pass
    assert (tmp_path / "other.partial" / "notes").read_text() == "the user's"
    assert (tmp_path / "file.partial").read_text() == "the user's"


WRITER = """
import sys, time
from pathlib import Path
from convbert_onnx.files import replacing
with replacing(Path(sys.argv[1])) as temporary:
    temporary.write_text(sys.argv[2])
    print("started", flush=True)
    sys.stdin.readline()
"""


def writer(path: Path, text: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", WRITER, str(path), text]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    return process


def test_files_of_a_killed_process_are_cleared_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for _ in range(3):
        with writer(path, "half") as killed:
            killed.send_signal(signal.SIGKILL)
        assert [file.name for file in tmp_path.iterdir()] == ["file.partial"]
    with replacing(path) as temporary:
        assert not temporary.exists()
        temporary.write_text("whole")
    assert list(tmp_path.iterdir()) == [path]


def test_second_writer_is_refused_while_the_first_is_running(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with writer(path, "first") as first:
        message = rf"file is being written by another process \({first.pid}\)"
        with pytest.raises(OutputError, match=message), replacing(path):
            pass
        with replacing(tmp_path / "other") as temporary:  # another target
            temporary.touch()
        first.communicate("\n")
    assert path.read_text() == "first"


def _write_often(path: Path, text: str) -> None:
    for _ in range(200):
        try:
            with replacing(path) as temporary:
                temporary.write_text(text)
        except OutputError as error:
            assert "is being written by another process" in str(error)


def test_concurrent_writers_never_mix_their_contents(tmp_path: Path) -> None:
    texts = [letter * 50_000 for letter in "abc"]
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_write_often, args=(tmp_path / "file", text)) for text in texts]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    assert (tmp_path / "file").read_text() in texts
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_keep_continues_with_the_files_of_a_failed_block(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for text in ("one", "two"):
        with pytest.raises(RuntimeError), replacing(path, keep=True) as temporary:
            with temporary.open("a") as file:
                file.write(text)
            raise RuntimeError
    with replacing(path, keep=True) as temporary:
        assert temporary.read_text() == "onetwo"
    assert path.read_text() == "onetwo"
    assert list(tmp_path.iterdir()) == [path]


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask
