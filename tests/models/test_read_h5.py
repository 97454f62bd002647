"""Reading of tf_model.h5, and refusal of files that are damaged or refer to other files."""

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

from convbert_onnx.errors import CheckpointError, MissingExtraError, MissingHeadError
from convbert_onnx.models import ConvBertForQuestionAnswering, ConvBertModel
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


def oversized(file: Any, _: Path) -> None:
    file.create_dataset(WORDS, (10**6, 10**6), "f4", chunks=(10, 10))


def compressed(file: Any, _: Path) -> None:
    file.create_dataset(WORDS, data=np.zeros((3425, 16), "f4"), compression="gzip")


def integers(file: Any, _: Path) -> None:
    file.create_dataset(WORDS, data=np.zeros((3425, 16), "i4"))


def empty(file: Any, _: Path) -> None:
    file.create_dataset(WORDS, data=h5py.Empty("f4"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (external_storage, "refers to data in other files"),
        (virtual, "refers to data in other files"),
        (external_link, "has a link to other data"),
        (soft_link, "has a link to other data"),
        (oversized, "declares 4000000000000 bytes and has 0"),
        (compressed, "is compressed"),
        (integers, "is int32, not floating point"),
        (empty, "is empty"),
    ],
)
def test_external_and_unreadable_data_are_refused(h5: Path, change: Callable[[Any, Path], None], message: str) -> None:
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
    with pytest.raises(CheckpointError, match="smaller than the weights that it declares"):
        read_h5(h5)


def test_weight_stored_twice_with_different_values_is_refused(h5: Path) -> None:
    with h5py.File(h5, "r+") as file:
        file[f"other/{WORDS}"] = file[WORDS][...] + 1
    with pytest.raises(CheckpointError, match=r"word_embeddings\.weight twice with different values"):
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


@pytest.mark.parametrize("architecture", ["plain", "grouped"])
def test_h5_gives_the_same_model(tmp_path: Path, architecture: str) -> None:
    original = CHECKPOINTS / f"{architecture}-question-answering"
    shutil.copy(original / "config.json", tmp_path)
    write_h5(tmp_path / "tf_model.h5", load_file(original / "model.safetensors"))
    assert digest(tmp_path) == digest(original)


@pytest.mark.parametrize("name", ["layer_._1/attention/self/query/kernel", "key_conv_attn_layer/depthwise_kernel"])
def test_reordered_h5_kernel_changes_the_model(h5: Path, name: str) -> None:
    with h5py.File(h5, "r+") as file:
        names: list[str] = []
        file.visit(names.append)
        dataset = file[next(path for path in names if name in path)]
        dataset[...] = dataset[...][::-1]
    assert digest(h5.parent) != digest(PLAIN)


def test_tied_weight_stored_twice_in_h5_is_read_once(h5: Path) -> None:
    with h5py.File(h5, "r+") as file:
        path = "tf_conv_bert_for_question_answering/convbert/embeddings/word_embeddings/weight:0"
        file[f"generator_lm_head/{path}"] = file[f"convbert/{path}"][...]
    assert digest(h5.parent) == digest(PLAIN)


def test_error_lists_missing_and_unexpected_weights_of_h5(h5: Path) -> None:
    with h5py.File(h5, "r+") as file:
        scope = file["convbert/tf_conv_bert_for_question_answering/convbert"]
        scope.move("encoder/layer_._0/output/dense/bias:0", "encoder/layer_._9/output/dense/bias:0")
    with pytest.raises(CheckpointError) as caught:
        digest(h5.parent)
    assert "missing: encoder.layer.0.output.dense.bias" in str(caught.value)
    assert "unexpected: encoder.layer_._9.output.dense.bias" in str(caught.value)


def test_h5_with_a_backbone_alone_has_no_head(tmp_path: Path) -> None:
    shutil.copy(PLAIN / "config.json", tmp_path)
    tensors = load_file(PLAIN / "model.safetensors")
    backbone = {name: tensor for name, tensor in tensors.items() if name.startswith("convbert.")}
    write_h5(tmp_path / "tf_model.h5", backbone, "tf_conv_bert_model_3")
    read = ConvBertModel.from_pretrained(tmp_path).state_dict()
    assert hash_weights(read) == hash_weights(ConvBertModel.from_pretrained(PLAIN).state_dict())
    with pytest.raises(MissingHeadError):
        digest(tmp_path)


def test_damaged_h5_is_refused(h5: Path) -> None:
    content = h5.read_bytes()
    for damaged in (b"", b"no h5 at all", content[:2000], content[: len(content) // 2]):
        h5.write_bytes(damaged)
        with pytest.raises(CheckpointError, match=r"tf_model\.h5 cannot be read as weights"):
            digest(h5.parent)
    with h5py.File(h5, "w") as file:
        file["convbert/model/convbert/embeddings/word_embeddings/weight:0"] = "text"
    with pytest.raises(CheckpointError, match=r"tf_model\.h5 cannot be read as weights"):
        digest(h5.parent)


def test_error_without_h5py_says_what_to_install(h5: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convbert_onnx.packages.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"needs h5py: pip install 'convbert-onnx\[tf\]'"):
        digest(h5.parent)
