"""Comparison of files with the hashes in their records."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from golden import QUESTION, Exported

from convbert_onnx import ConvBertOnnxPipeline
from convbert_onnx.cli import main
from convbert_onnx.errors import BundleError
from convbert_onnx.runtime import inspect
from convbert_onnx.runtime.model_files.onnx_file import OnnxFile


@pytest.fixture
def copy(exported: Exported, tmp_path: Path) -> Path:
    return Path(shutil.copy(exported(), tmp_path / "model.onnx"))


def change(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


def test_unchanged_file_is_verified(copy: Path) -> None:
    assert inspect(copy)["differs"] is None
    assert inspect(copy, verify=True)["differs"] == []
    assert ConvBertOnnxPipeline(copy, verify=True)(**QUESTION)
    result = CliRunner().invoke(main, ["inspect", "--verify", str(copy)])
    assert result.exit_code == 0
    assert "verified          yes, all parts are unchanged" in result.output


def test_verify_detects_a_changed_weight(copy: Path) -> None:
    with OnnxFile(copy) as file:
        raw = max((tensor.raw_data for tensor in file.contents.tensors if tensor.raw_data), key=lambda raw: raw.size)
    change(copy, raw.content_start + 1)
    assert inspect(copy, verify=True)["differs"] == ["weights"]
    result = CliRunner().invoke(main, ["inspect", "--verify", "--json", str(copy)])
    assert result.exit_code == 1
    assert json.loads(result.output)["differs"] == ["weights"]
    with pytest.raises(BundleError, match=r"is not as it was written \(weights differ\)"):
        ConvBertOnnxPipeline(copy, verify=True)
    ConvBertOnnxPipeline(copy)


@pytest.mark.parametrize(
    ("place", "part"),
    [
        (b'"num_hidden_layers": ', "config.json"),
        (b'"truncation": ', "tokenizer.json"),
        (b'"source_sha256": "', "export"),
        (b"input_id", "graph"),
    ],
)
def test_verify_names_the_changed_part(copy: Path, place: bytes, part: str) -> None:
    change(copy, copy.read_bytes().index(place) + len(place))
    with pytest.raises(BundleError, match=rf"is not as it was written \({part} differ\)"):
        ConvBertOnnxPipeline(copy, verify=True)


def test_verify_needs_hashes(copy: Path) -> None:
    copy.write_bytes(copy.read_bytes().replace(b"convbert_onnx.format_version", b"convbert_onyx.format_version"))
    with pytest.raises(BundleError, match="carries no hashes of its parts, so it cannot be verified"):
        inspect(copy, verify=True)
