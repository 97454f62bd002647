"""TensorFlow 1 checkpoints where TensorFlow is not installed; those of real TensorFlow are in test_tensorflow.py."""

import shutil
from pathlib import Path

import pytest
from golden import CHECKPOINTS

from convbert_onnx.errors import FileMissingError, MissingPackageError
from convbert_onnx.models import ConvBertForQuestionAnswering

PLAIN = CHECKPOINTS / "plain-question-answering"


def test_error_without_tensorflow_says_to_convert(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convbert_onnx.models.read_tf1.find_spec", lambda name: None)
    shutil.copy(PLAIN / "config.json", tmp_path)
    for name in ("model.ckpt.index", "model.ckpt.data-00000-of-00001", "model.ckpt.meta"):
        (tmp_path / name).touch()
    with pytest.raises(MissingPackageError, match=r"pip install tensorflow, and run convbert-onnx convert .* once"):
        ConvBertForQuestionAnswering.from_pretrained(tmp_path)


def test_missing_data_file_is_named(tmp_path: Path) -> None:
    shutil.copy(PLAIN / "config.json", tmp_path)
    (tmp_path / "model.ckpt.index").touch()
    with pytest.raises(FileMissingError, match=r"model\.ckpt\.data-00000-of-00001 is missing"):
        ConvBertForQuestionAnswering.from_pretrained(tmp_path)
