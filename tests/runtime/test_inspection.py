"""Inspection of bundles and of files from elsewhere."""

import json
from pathlib import Path

import pytest
from golden import Exported

from convbert_onnx.errors import BundleError, FileMissingError
from convbert_onnx.runtime import inspect


def test_inspect_describes_a_bundle(exported: Exported) -> None:
    path = exported()
    info = inspect(path)
    assert (info["file"], info["bytes"], info["differs"]) == (str(path), path.stat().st_size, None)
    assert list(info["inputs"]) == ["input_ids", "attention_mask", "token_type_ids"]
    assert info["outputs"] == {"start_logits": ["batch", "sequence"], "end_logits": ["batch", "sequence"]}
    assert info["record"] is not None
    assert info["record"]["task"] == "question-answering"
    assert info["config"] is not None
    assert json.loads(json.dumps(info)).keys() == info.keys()


def test_inspect_describes_a_foreign_file_without_record(exported: Exported, tmp_path: Path) -> None:
    content = exported().read_bytes()
    file = tmp_path / "model.onnx"
    # Without the format version, the file is not a bundle.
    file.write_bytes(content.replace(b"convbert_onnx.format_version", b"convbert_onyx.format_version"))
    info = inspect(tmp_path)
    assert info["file"] == str(file)
    assert (info["record"], info["config"], info["tokenizer"], info["int8"]) == (None, None, None, None)
    assert list(info["outputs"]) == ["start_logits", "end_logits"]
    with pytest.raises(BundleError):
        inspect(file, verify=True)


def test_inspect_refuses_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileMissingError, match=r"missing\.onnx does not exist"):
        inspect(tmp_path / "missing.onnx")
