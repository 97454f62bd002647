"""Names, layouts and hashes of weights, written and read."""

import shutil
from pathlib import Path

import pytest
import torch
from golden import ARCHITECTURES, CHECKPOINTS
from safetensors.torch import load_file, save_file
from transformers import ConvBertForQuestionAnswering as Reference

from convbert_onnx.errors import CheckpointError, FileMissingError, MissingHeadError
from convbert_onnx.models import ConvBertForQuestionAnswering
from convbert_onnx.models.checkpoint import hash_weights, read

IDS = torch.arange(5, 25).view(2, 10)


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A copy of the plain checkpoint that tests may change."""
    for name in ("config.json", "model.safetensors"):
        shutil.copy(CHECKPOINTS / "plain-question-answering" / name, tmp_path)
    return tmp_path


def rewrite(directory: Path, **changes: torch.Tensor | None) -> None:
    """Replace tensors of a checkpoint, or remove those that are None; __ in a name stands for a dot."""
    tensors = load_file(directory / "model.safetensors")
    for name, tensor in changes.items():
        tensors.pop(name.replace("__", "."), None)
        if tensor is not None:
            tensors[name.replace("__", ".")] = tensor
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_saved_checkpoint_loads_in_transformers_and_here(architecture: str, tmp_path: Path) -> None:
    source = CHECKPOINTS / f"{architecture}-question-answering"
    model = ConvBertForQuestionAnswering.from_pretrained(source)
    model.save_pretrained(tmp_path / "saved")
    reference, info = Reference.from_pretrained(tmp_path / "saved", output_loading_info=True)
    assert not any(info.values())
    with torch.inference_mode():
        torch.testing.assert_close(model(IDS).start_logits, reference(IDS).start_logits, rtol=1e-5, atol=1e-5)
    again = ConvBertForQuestionAnswering.from_pretrained(tmp_path / "saved")
    assert hash_weights(again.state_dict()) == hash_weights(model.state_dict())
    assert again.config.to_dict() == model.config.to_dict()


def test_pytorch_model_bin_gives_the_same_model(plain: Path) -> None:
    model = ConvBertForQuestionAnswering.from_pretrained(plain)
    torch.save(load_file(plain / "model.safetensors"), plain / "pytorch_model.bin")
    (plain / "model.safetensors").unlink()
    again = ConvBertForQuestionAnswering.from_pretrained(plain)
    assert hash_weights(again.state_dict()) == hash_weights(model.state_dict())


def test_pickle_with_code_is_refused_and_not_run(plain: Path, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str, ...]]:
            return Path.touch, (str(tmp_path / "touched"),)

    (plain / "model.safetensors").unlink()
    torch.save({"weight": Evil()}, plain / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="cannot be read as weights"):
        ConvBertForQuestionAnswering.from_pretrained(plain)
    assert not (tmp_path / "touched").exists()


def test_hash_depends_on_the_weights_only(plain: Path) -> None:
    digest = hash_weights(read(plain)[1])
    assert digest == hash_weights(read(CHECKPOINTS / "plain-question-answering")[1])
    rewrite(plain, qa_outputs__bias=torch.tensor([0.0, 1e-3]))
    assert digest != hash_weights(read(plain)[1])


def test_error_lists_missing_unexpected_and_misshapen_weights(plain: Path) -> None:
    rewrite(
        plain,
        convbert__encoder__layer__0__output__dense__weight=None,
        convbert__embeddings__LayerNorm__bias=None,
        convbert__encoder__layer__9__output__dense__bias=torch.zeros(3),
        convbert__encoder__layer__1__attention__self__key_conv_attn_layer__pointwise__weight=torch.zeros(16, 33, 1),
    )
    with pytest.raises(CheckpointError) as caught:
        ConvBertForQuestionAnswering.from_pretrained(plain)
    message = str(caught.value)
    assert "missing: embeddings.LayerNorm.bias, encoder.layer.0.output.dense.weight;" in message
    assert "unexpected: encoder.layer.9.output.dense.bias;" in message
    assert (
        "wrong shape: encoder.layer.1.attention.self.key_conv_attn_layer.pointwise.weight (16, 33, 1) instead of "
        "(16, 32, 1)" in message
    )


def test_missing_head_is_refused_unless_a_random_head_is_allowed(plain: Path) -> None:
    rewrite(plain, qa_outputs__weight=None, qa_outputs__bias=None)
    with pytest.raises(MissingHeadError, match=r"qa_outputs\.weight.*pass allow_random_head=True"):
        ConvBertForQuestionAnswering.from_pretrained(plain)
    first, second = (ConvBertForQuestionAnswering.from_pretrained(plain, allow_random_head=True) for _ in range(2))
    assert hash_weights(first.state_dict()) == hash_weights(second.state_dict())
    assert first.qa_outputs.weight.std() > 0


def test_incomplete_head_is_refused_even_if_a_random_head_is_allowed(plain: Path) -> None:
    rewrite(plain, qa_outputs__bias=None)
    with pytest.raises(CheckpointError, match=r"missing: qa_outputs\.bias"):
        ConvBertForQuestionAnswering.from_pretrained(plain, allow_random_head=True)


def test_error_without_weights_names_the_known_files(plain: Path) -> None:
    (plain / "model.safetensors").unlink()
    with pytest.raises(FileMissingError, match=r"neither model\.safetensors nor pytorch_model\.bin"):
        ConvBertForQuestionAnswering.from_pretrained(plain)
    with pytest.raises(FileNotFoundError):
        ConvBertForQuestionAnswering.from_pretrained(plain / "nowhere")


def test_damaged_weights_are_refused(plain: Path) -> None:
    content = (plain / "model.safetensors").read_bytes()
    (plain / "model.safetensors").write_bytes(content[:1000])
    with pytest.raises(CheckpointError, match="cannot be read as weights"):
        ConvBertForQuestionAnswering.from_pretrained(plain)
    (plain / "model.safetensors").unlink()
    torch.save([1, 2], plain / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="does not hold named tensors"):
        ConvBertForQuestionAnswering.from_pretrained(plain)
