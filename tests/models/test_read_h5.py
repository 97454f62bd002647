"""HDF5 files that lead to other files, claim more than they hold, or are damaged."""

import random
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from golden import CHECKPOINTS
from safetensors.torch import load_file
from tensorflow_files import write_h5

from convbert_onnx.errors import CheckpointError
from convbert_onnx.models import ConvBertForQuestionAnswering
from convbert_onnx.models.checkpoint import hash_weights
from convbert_onnx.models.read_h5 import read_h5

PLAIN = CHECKPOINTS / "plain-question-answering"
WORDS = "convbert/tf_conv_bert_for_question_answering/convbert/embeddings/word_embeddings/weight:0"


@pytest.fixture
def h5(tmp_path: Path) -> Path:
    shutil.copy(PLAIN / "config.json", tmp_path)
    write_h5(tmp_path / "tf_model.h5", load_file(PLAIN / "model.safetensors"))
    return tmp_path / "tf_model.h5"


def digest(directory: Path) -> str:
    return hash_weights(ConvBertForQuestionAnswering.from_pretrained(directory).state_dict())


def external_storage(file: Any, secret: Path) -> None:
    file.create_dataset(WORDS, (3425, 16), "f4", external=[(str(secret), 0, h5py.h5f.UNLIMITED)])


def virtual(file: Any, secret: Path) -> None:
    layout = h5py.VirtualLayout((3425, 16), "f4")
    layout[:] = h5py.VirtualSource(str(secret), "x", (3425, 16))
    file.create_virtual_dataset(WORDS, layout)


def external_link(file: Any, secret: Path) -> None:
    file[WORDS] = h5py.ExternalLink(str(secret), "x")


def soft_link(file: Any, _: Path) -> None:
    file[WORDS] = h5py.SoftLink("/qa_outputs")


def claimed(file: Any, _: Path) -> None:
    file.create_dataset(WORDS, (10**6, 10**6), "f4", chunks=(10, 10))


def compressed(file: Any, _: Path) -> None:
    file.create_dataset(WORDS, data=np.zeros((3425, 16), "f4"), compression="gzip")


def integers(file: Any, _: Path) -> None:
    file.create_dataset(WORDS, data=np.zeros((3425, 16), "i4"))


def nothing(file: Any, _: Path) -> None:
    file.create_dataset(WORDS, data=h5py.Empty("f4"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (external_storage, "wants data from other files"),
        (virtual, "wants data from other files"),
        (external_link, "has a link to other data"),
        (soft_link, "has a link to other data"),
        (claimed, "claims 4000000000000 bytes and has 0"),
        (compressed, "is compressed"),
        (integers, "is int32, not floating point"),
        (nothing, "is empty"),
    ],
)
def test_data_outside_the_file_and_unreadable_datasets_are_refused(h5: Path, change: Callable[[Any, Path], None], message: str) -> None:
    secret = h5.with_name("secret")
    secret.write_bytes(b"\0" * 3425 * 16 * 4)
    with h5py.File(h5, "r+") as file:
        del file[WORDS]
        change(file, secret)
    with pytest.raises(CheckpointError, match=message):
        read_h5(h5)


def test_many_hard_links_to_one_dataset_are_refused(h5: Path) -> None:
    with h5py.File(h5, "r+") as file:
        for number in range(100):
            file[f"layer{number}/{WORDS}"] = file[WORDS]
    with pytest.raises(CheckpointError, match="smaller than the weights that it claims"):
        read_h5(h5)


def test_weight_stored_twice_with_different_values_is_refused(h5: Path) -> None:
    with h5py.File(h5, "r+") as file:
        file[f"other/{WORDS}"] = file[WORDS][...] + 1
    with pytest.raises(CheckpointError, match=r"word_embeddings\.weight twice with different numbers"):
        read_h5(h5)


def test_enclosing_layers_and_optimizer_are_ignored(h5: Path) -> None:
    plain = digest(h5.parent)
    with h5py.File(h5, "r+") as file:
        for name in list(file):
            file.move(name, f"model_weights/wrapper/{name}")
        file["optimizer_weights/Adam/m/" + WORDS] = np.ones(3, "f4")
    assert digest(h5.parent) == plain == digest(PLAIN)


def test_damaged_file_is_read_or_refused(h5: Path) -> None:
    content, draw = h5.read_bytes(), random.Random(0)
    for _ in range(40):
        damaged = bytearray(content)
        for _ in range(draw.choice((1, 4, 16))):
            damaged[draw.randrange(3000)] = draw.randrange(256)
        h5.write_bytes(damaged)
        with suppress(CheckpointError):
            read_h5(h5)
