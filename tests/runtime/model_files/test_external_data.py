"""External data: which files a model may name, and what is read from them."""

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_models import entry_bytes, model_bytes, weight_model_bytes

from convbert_onnx.errors import BundleError, FileMissingError
from convbert_onnx.runtime.model import open_model
from convbert_onnx.runtime.model_files.external_data import ExternalData, external_files, total_bytes
from convbert_onnx.runtime.model_files.onnx_file import OnnxFile
from convbert_onnx.runtime.model_files.onnx_proto import DataType, GraphProto, TensorProto
from convbert_onnx.runtime.model_files.protobuf import write_field

INVALID: dict[str, dict[str, Any]] = {
    "in the parent directory": {"location": "../weights.bin"},
    "in the parent of a subdirectory": {"location": "a/../../weights.bin"},
    "at an absolute path": {"location": "/etc/passwd"},
    "at an absolute Windows path": {"location": "C:\\weights.bin"},
    "in the parent directory on Windows": {"location": "..\\weights.bin"},
    "a device": {"location": "/dev/zero"},
    "in the memory of the engine": {"location": "*/_ORT_MEM_ADDR_/*"},
    "with a NUL": {"location": "weights.bin\0"},
    "with an empty name": {"location": ""},
    "without a name": {"offset": "0"},
    "at a negative offset": {"location": "weights.bin", "offset": "-4"},
    "beyond the end": {"location": "weights.bin", "offset": "4093", "length": "4"},
    "longer than the file": {"location": "weights.bin", "offset": "0", "length": "5000"},
    "of another size": {"location": "weights.bin", "length": "8"},
    "at a hexadecimal offset": {"location": "weights.bin", "offset": "0x10"},
    "at an offset of many digits": {"location": "weights.bin", "offset": "9" * 5000},
}


@pytest.mark.parametrize("kind", INVALID)
def test_invalid_external_data_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(weight_model_bytes(1, **INVALID[kind]))
    (tmp_path / "weights.bin").write_bytes(bytes(4096))
    with pytest.raises(BundleError, match=r"do not use it|than its 4096 bytes"):
        open_model(path)


def test_two_locations_are_refused(tmp_path: Path) -> None:
    tensor = write_field(TensorProto.DATA_TYPE, DataType.FLOAT)
    for name in (b"weights.bin", b"../secret"):
        tensor += write_field(TensorProto.EXTERNAL_DATA, entry_bytes(b"location", name))
    path = tmp_path / "model.onnx"
    path.write_bytes(model_bytes(write_field(GraphProto.INITIALIZER, tensor)))
    with pytest.raises(BundleError, match="has an invalid location for"):
        open_model(path)


def _link(folder: Path) -> None:
    (folder / "weights.bin").symlink_to("/etc/passwd")


def _hard_link(folder: Path) -> None:
    (folder.parent / "secret").write_bytes(bytes(4096))
    os.link(folder.parent / "secret", folder / "weights.bin")


def _device(folder: Path) -> None:
    (folder / "weights.bin").symlink_to("/dev/zero")


def _pipe(folder: Path) -> None:
    os.mkfifo(folder / "weights.bin")


def _directory(folder: Path) -> None:
    (folder / "weights.bin").mkdir()


@pytest.mark.parametrize("make", [_link, _hard_link, _device, _pipe, _directory])
def test_only_regular_files_without_other_names_are_opened(tmp_path: Path, make: Callable[[Path], None]) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(weight_model_bytes(1, location="weights.bin"))
    make(folder)
    with pytest.raises((BundleError, FileMissingError), match=r"weights\.bin"):
        open_model(folder / "model.onnx")


def test_arrays_reads_the_declared_range(tmp_path: Path) -> None:
    values = np.arange(12, dtype=np.float32)
    (tmp_path / "weights.bin").write_bytes(values.tobytes())
    path = tmp_path / "model.onnx"
    path.write_bytes(weight_model_bytes(2, 3, location="weights.bin", offset="8", length="24"))
    with OnnxFile(path) as file, closing(ExternalData(file)) as external:
        np.testing.assert_array_equal(external.arrays()["weight"], values[2:8].reshape(2, 3))
        assert external.content(external.tensors[0]) == values[2:8].tobytes()
        assert external.size == values.nbytes
    assert external_files(path) == {"weights.bin"}
    assert total_bytes(path) == path.stat().st_size + values.nbytes


def test_arrays_refuses_a_range_without_length_that_is_too_long(tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(bytes(100))
    path = tmp_path / "model.onnx"
    path.write_bytes(weight_model_bytes(2, location="weights.bin"))
    message = "cannot be read into memory: pass mmap=True"
    with (
        OnnxFile(path) as file,
        closing(ExternalData(file)) as external,
        pytest.raises(BundleError, match=message),
    ):
        external.arrays()


@pytest.mark.parametrize("change", ["write", "replace", "delete"])
def test_unchanged_detects_changed_files(tmp_path: Path, change: str) -> None:
    weights = tmp_path / "weights.bin"
    weights.write_bytes(bytes(4))
    path = tmp_path / "model.onnx"
    path.write_bytes(weight_model_bytes(1, location="weights.bin"))
    with OnnxFile(path) as file, closing(ExternalData(file)) as external:
        assert external.unchanged()
        if change == "write":
            weights.write_bytes(bytes(8))
        elif change == "replace":
            (tmp_path / "other").write_bytes(bytes(4))
            (tmp_path / "other").replace(weights)
        else:
            weights.unlink()
        assert not external.unchanged()
