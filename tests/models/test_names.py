"""Weight names of wrapped models."""

import shutil
from pathlib import Path

import pytest
import torch
from golden import CHECKPOINTS
from safetensors.torch import load_file, save_file
from torch import Tensor

from convbert_onnx.errors import CheckpointError, MissingHeadError
from convbert_onnx.models import ConvBertForSequenceClassification, ConvBertModel
from convbert_onnx.models.checkpoint import hash_weights
from convbert_onnx.models.names import resolve_names, unwrap_name

PLAIN = CHECKPOINTS / "plain-text-classification"
TENSORS = load_file(PLAIN / "model.safetensors")
WORDS = "embeddings.word_embeddings.weight"


def checkpoint(directory: Path, tensors: dict[str, Tensor]) -> Path:
    shutil.copy(PLAIN / "config.json", directory)
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
    return directory


def digest(directory: Path) -> str:
    return hash_weights(ConvBertForSequenceClassification.from_pretrained(directory).state_dict())


@pytest.mark.parametrize(
    "prefix",
    [
        "module.",
        "_orig_mod.",
        "model.",
        "module._orig_mod.",
        "_orig_mod.module.",
        "convbert.",
        "base_model.model.",
        "network.",
        "a.b.c.",
        "_fsdp_wrapped_module.",
    ],
)
def test_prefix_of_all_names_is_removed(tmp_path: Path, prefix: str) -> None:
    renamed = {prefix + name: tensor for name, tensor in TENSORS.items()}
    assert digest(checkpoint(tmp_path, renamed)) == digest(PLAIN)


def test_prefix_of_the_backbone_alone_is_removed(tmp_path: Path) -> None:
    for number, prefix in enumerate(("", "bert.", "convbert.convbert.", "model.convbert.")):
        directory = tmp_path / str(number)
        directory.mkdir()
        renamed = {
            prefix + name.removeprefix("convbert.") if name.startswith("convbert.") else name: tensor
            for name, tensor in TENSORS.items()
        }
        assert digest(checkpoint(directory, renamed)) == digest(PLAIN)


def test_names_of_wrapped_layers_are_unwrapped(tmp_path: Path) -> None:
    renamed = {
        name.replace("convbert.", "convbert._orig_mod.").replace(".layer.1.", ".layer.1._checkpoint_wrapped_module."): t
        for name, t in TENSORS.items()
    }
    assert digest(checkpoint(tmp_path, renamed)) == digest(PLAIN)
    assert unwrap_name("module.convbert._orig_mod.x") == "convbert.x"


def test_weights_of_the_wrapper_are_ignored(tmp_path: Path) -> None:
    renamed = {f"model.{name}": tensor for name, tensor in TENSORS.items()}
    others = {"loss.weight": torch.ones(2), "n_averaged": torch.ones(1), "classifier.dense.weight": torch.ones(3, 3)}
    assert digest(checkpoint(tmp_path, others | renamed)) == digest(PLAIN)


def test_missing_and_unexpected_weights_are_found_under_a_prefix(tmp_path: Path) -> None:
    renamed = {f"module.{name}": tensor for name, tensor in TENSORS.items()}
    del renamed["module.classifier.out_proj.bias"]
    with pytest.raises(CheckpointError, match=r"missing: classifier\.out_proj\.bias; unexpected: crf\.weight$"):
        digest(checkpoint(tmp_path, renamed | {"module.crf.weight": torch.ones(2)}))
    backbone = {name: tensor for name, tensor in renamed.items() if "classifier" not in name}
    with pytest.raises(MissingHeadError):
        digest(checkpoint(tmp_path, backbone))
    assert ConvBertModel.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([f"teacher.{WORDS}", f"student.{WORDS}"], r"several models, whose names begin with 'student\.', 'teacher\.'"),
        (["bert.encoder.layer.0.output.dense.bias", "x"], r"no weights of a ConvBERT \(it has bert\.encoder"),
        (["convbert.embeddings.word.weight"], "write it with the model's save_pretrained"),
        ([f"base_model.model.{WORDS}", "base_model.model.q.lora_A.default.weight"], "merge_and_unload"),
        ([WORDS, "classifier.dense.SCB"], "before quantization"),
        ([WORDS, "classifier.dense.weight_orig"], r"prune\.remove"),
        ([f"module.{WORDS}", WORDS], r"twice, as .* and "),
        ([], "it has nothing"),
    ],
)
def test_names_of_other_or_transformed_models_are_refused(names: list[str], message: str) -> None:
    with pytest.raises(CheckpointError, match=message) as caught:
        resolve_names(names, "there")
    assert "fine-tune" not in str(caught.value)
