"""Checkpoints written by real TensorFlow (tests/with_tensorflow) give the outputs it or the reference computed."""

import dataclasses
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from golden import CHECKPOINTS
from numpy.typing import NDArray

from convbert_onnx import ConvBertConfig
from convbert_onnx.errors import MissingHeadError, MissingPackageError
from convbert_onnx.models import HEADS, ConvBertForQuestionAnswering, ConvBertModel
from convbert_onnx.models.checkpoint import hash_weights
from convbert_onnx.tasks import TASKS

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
ARCHITECTURES = ("plain", "grouped")


@pytest.fixture
def written(request: pytest.FixtureRequest) -> Path:
    folder: Path | None = request.config.getoption("--tensorflow")
    if folder is None:
        pytest.skip("real TensorFlow writes these checkpoints: run make tensorflow")
    return folder


def difference(model: Any, directory: Path) -> float:
    """The largest relative difference from the expected outputs."""
    task = next(task for task in TASKS if task.head == type(model).__name__)
    with np.load(directory / "expected.npz") as expected, torch.inference_mode():
        outputs = model(**{name: torch.from_numpy(expected[name]) for name in INPUTS})
        real: NDArray[np.bool_] = expected["attention_mask"].astype(bool)
        differences = []
        for spec in task.outputs:
            actual, target = getattr(outputs, spec.name).numpy(), expected[spec.name]
            assert actual.shape == target.shape
            at = real if "sequence" in spec.axes else ...
            # TensorFlow masks with -10000 and this package with the lowest float: only padded positions differ.
            differences.append(np.abs(actual[at] - target[at]).max() / max(1.0, np.abs(target[at]).max()))
        return float(max(differences))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("head", HEADS)
def test_h5_gives_the_outputs_of_tensorflow(written: Path, head: str, architecture: str) -> None:
    directory = written / f"{architecture}-{head.removeprefix('ConvBert')}"
    assert find_spec("tensorflow") is None
    model = HEADS[head].from_pretrained(directory)
    assert difference(model, directory) < 1e-5
    with torch.no_grad():
        backbone: Any = model if head == "ConvBertModel" else model.convbert
        weight = backbone.layers[1].attention.output.weight
        weight.copy_(weight.flip(0))
    assert difference(model, directory) > 1e-3


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_round_trip_through_tensorflow_keeps_the_weights(written: Path, architecture: str) -> None:
    directories = written / f"{architecture}-ForQuestionAnswering", CHECKPOINTS / f"{architecture}-question-answering"
    states = [ConvBertForQuestionAnswering.from_pretrained(directory).state_dict() for directory in directories]
    assert hash_weights(states[0]) == hash_weights(states[1])


@pytest.mark.parametrize("name", ["intermediate/dense/kernel", "self/key_conv_attn_layer/pointwise_kernel"])
def test_reordered_weights_change_the_outputs(written: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(written / "grouped-Model", tmp_path / "other")
    with h5py.File(tmp_path / "other" / "tf_model.h5", "r+") as file:
        names: list[str] = []
        file.visit(names.append)
        dataset = file[next(path for path in names if name in path)]
        dataset[...] = dataset[...][:, ::-1]
    assert difference(ConvBertModel.from_pretrained(tmp_path / "other"), tmp_path / "other") > 1e-3


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_converted_tf1_checkpoint_gives_the_outputs_of_the_reference(written: Path, architecture: str) -> None:
    model = ConvBertModel.from_pretrained(written / f"converted-{architecture}")
    expected = written / f"tf1-{architecture}"
    assert difference(model, expected) < 1e-5
    with torch.no_grad():
        backbone: Any = model
        weight = backbone.layers[0].attention.span_key.depthwise.weight
        weight.copy_(weight.flip(-1))
    assert difference(model, expected) > 1e-3


def test_tf1_checkpoint_needs_tensorflow(written: Path) -> None:
    assert "tensorflow" not in sys.modules
    with pytest.raises(MissingPackageError, match="convert"):
        ConvBertModel.from_pretrained(written / "tf1-plain")


def test_tf1_checkpoint_has_no_head(written: Path) -> None:
    config = ConvBertConfig.from_pretrained(written / "converted-plain")
    assert config == dataclasses.replace(config, architectures=("ConvBertModel",))
    with pytest.raises(MissingHeadError):
        ConvBertForQuestionAnswering.from_pretrained(written / "converted-plain")
