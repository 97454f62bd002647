"""Opening ONNX files."""

import os
from pathlib import Path

import pytest
from onnx_models import model_bytes

from convbert_onnx.errors import BundleError, ConvBertError, FileMissingError
from convbert_onnx.runtime.model import open_model
from convbert_onnx.runtime.model_files.onnx_file import OnnxFile


def test_paths_that_are_not_regular_files_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.onnx")
    (tmp_path / "circle.onnx").symlink_to(tmp_path / "circle.onnx")
    for path in (tmp_path / "pipe.onnx", "/dev/zero"):
        with pytest.raises(BundleError, match="is not a regular file"):
            open_model(path)
    for path in (tmp_path / "circle.onnx", tmp_path / "\0.onnx", tmp_path, tmp_path / ("x" * 5000)):
        with pytest.raises(ConvBertError):
            open_model(path)
    with pytest.raises(ConvBertError, match="must be the path of a file or directory"):
        open_model(5)  # type: ignore[arg-type]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_file_without_read_permission_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").touch(0)
    with pytest.raises(BundleError, match="cannot be read"):
        open_model(tmp_path / "model.onnx")


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileMissingError, match=r"gone\.onnx does not exist"):
        OnnxFile(tmp_path / "gone.onnx")


def test_read_returns_the_file_even_if_it_has_lost_its_name(tmp_path: Path) -> None:
    path, data = tmp_path / "model.onnx", model_bytes(b"")
    path.write_bytes(data)
    with OnnxFile(path) as file:
        assert file.unchanged()
        path.unlink()
        assert not file.unchanged()
        assert (file.read(), file.size) == (data, len(data))


def test_read_refuses_a_file_that_was_written_to(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(model_bytes(b""))
    with OnnxFile(path) as file:
        os.utime(path, (1, 1))
        with pytest.raises(BundleError, match="was written to while it was read"):
            file.read()


def test_link_is_followed_when_it_is_opened(tmp_path: Path) -> None:
    (tmp_path / "real.onnx").write_bytes(model_bytes(b""))
    (tmp_path / "link.onnx").symlink_to("real.onnx")
    with OnnxFile(tmp_path / "link.onnx") as file:
        assert file.path == tmp_path / "link.onnx"
        assert file.real == (tmp_path / "real.onnx").resolve()
