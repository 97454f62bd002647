import os
import threading
from pathlib import Path

import pytest

from convbert_onnx.files import replacing, replacing_together


def test_the_name_is_taken_when_all_is_written(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    with replacing(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    (tmp_path / "link").symlink_to("file")
    with replacing(tmp_path / "link") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "new"


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_text()))
    reader.start()
    with replacing(tmp_path / "pipe") as path:
        path.write_text("through")
    reader.join(10)
    assert read == ["through"]
    assert (tmp_path / "pipe").is_fifo()


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask


def test_files_take_their_names_together_and_the_last_one_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moved: list[str] = []
    replace = Path.replace

    def recording(self: Path, target: Path) -> Path:
        moved.append(self.name)
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", recording)
    (tmp_path / "kept").write_text("kept")
    with replacing_together(tmp_path, last="b") as temporary:
        for name in "abc":
            (temporary / name).write_text(name)
        assert moved == []
    assert moved == ["a", "c", "b"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "c", "kept"]
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o666 & ~_umask()


def test_a_failure_leaves_no_new_directory(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), replacing_together(tmp_path / "new" / "deep") as temporary:
        (temporary / "half").touch()
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
