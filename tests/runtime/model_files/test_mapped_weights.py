"""int8 weights that stay in the file of a session."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from golden import Exported
from onnx_bytes import FLOAT, INT8, INT64, node, tensor, value

from convbert_onnx.errors import BundleError
from convbert_onnx.runtime.model_files.mapped_weights import MIN_MAPPED_BYTES, externalize_int8_weights
from convbert_onnx.runtime.model_files.onnx_file import OnnxFile
from convbert_onnx.runtime.model_files.protobuf import write_field
from convbert_onnx.runtime.sessions.session import open_session


@pytest.fixture
def weights() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {
        "bytes": random.integers(-128, 128, 3 * MIN_MAPPED_BYTES, np.int8),
        "few": random.integers(-128, 128, 7, np.int8),
        "floats": random.standard_normal(MIN_MAPPED_BYTES, np.float32),
    }


@pytest.fixture
def file(tmp_path: Path, weights: dict[str, np.ndarray]) -> Path:
    """A model that outputs elements of its own weights by their indices."""
    graph = b"".join(write_field(1, node("Gather", [name, "which"], [f"{name}_"])) for name in weights)
    graph += write_field(2, b"weights")
    for name, array in weights.items():
        kind = INT8 if array.dtype == np.int8 else FLOAT
        graph += write_field(5, tensor(name, kind, array)) + write_field(12, value(f"{name}_", kind))
    graph += write_field(11, value("which", INT64))
    path = tmp_path / "weights.onnx"
    path.write_bytes(write_field(1, 8) + write_field(8, write_field(2, 18)) + write_field(7, graph))
    return path


def externalized(path: Path) -> bytes | None:
    with OnnxFile(path) as file:
        return externalize_int8_weights(file)


def check(path: Path, weights: dict[str, np.ndarray]) -> None:
    session = open_session(path).session
    which = np.array([0, 3, 6, -1])
    for array, found in zip(weights.values(), session.run(None, {"which": which}), strict=True):
        np.testing.assert_array_equal(found, array[which])


def test_large_int8_weights_are_externalized_and_loaded(file: Path, weights: dict[str, np.ndarray]) -> None:
    model = externalized(file)
    assert model is not None
    assert weights["bytes"].tobytes() not in model
    for name in ("few", "floats"):
        assert weights[name].tobytes() in model
    check(file, weights)


def test_renamed_and_linked_files_load_their_mapped_weights(
    file: Path, tmp_path: Path, weights: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    moved = file.rename(tmp_path / "elsewhere" / "größer 2.onnx")
    check(moved, weights)
    (tmp_path / "link.onnx").symlink_to(moved)
    check(tmp_path / "link.onnx", weights)
    monkeypatch.chdir(moved.parent)
    check(Path(moved.name), weights)


def test_externalized_model_needs_the_file(file: Path, weights: dict[str, np.ndarray]) -> None:
    model = externalized(file)
    assert model is not None
    with pytest.raises(Exception, match=r"weights\.onnx"):
        onnxruntime.InferenceSession(model)


def test_open_session_keeps_its_weights_when_the_file_is_replaced(file: Path, weights: dict[str, np.ndarray]) -> None:
    session = open_session(file).session
    other = file.with_name("other.onnx")
    other.write_bytes(b"\0" * file.stat().st_size)
    other.replace(file)
    which = np.arange(-7, 7)
    (found,) = session.run(["bytes_"], {"which": which})
    np.testing.assert_array_equal(found, weights["bytes"][which])


def test_float_model_is_not_externalized(exported: Exported) -> None:
    assert externalized(exported()) is None


@pytest.mark.parametrize("length", [1, 50, 5000])
def test_truncated_file_is_refused(file: Path, length: int) -> None:
    file.write_bytes(file.read_bytes()[:-length])
    with pytest.raises(BundleError, match="is not a complete ONNX file"):
        externalized(file)
    with pytest.raises(BundleError, match="is not a complete ONNX file"):
        open_session(file)
