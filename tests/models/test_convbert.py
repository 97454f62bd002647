"""The models against the reference's classes, on the golden checkpoints and on drawn configurations."""

from typing import Any

import pytest
import torch
from golden import ARCHITECTURES, CHECKPOINTS, Batch, batches, inputs_of, relative_difference
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import ConvBertConfig as ReferenceConfig
from transformers import ConvBertForQuestionAnswering as ReferenceForQuestionAnswering

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import ConfigError
from convbert_onnx.models import HEADS, PRESETS, ConvBertForQuestionAnswering, ConvBertModel
from convbert_onnx.models.checkpoint import to_reference
from convbert_onnx.tasks import TASKS

OUTPUTS = ("start_logits", "end_logits")


def run(model: ConvBertForQuestionAnswering, batch: Batch) -> Batch:
    with torch.inference_mode():
        output = model(**{name: torch.from_numpy(array) for name, array in inputs_of(batch).items()})
    return {name: getattr(output, name).numpy() for name in OUTPUTS}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_logits_are_the_references(architecture: str) -> None:
    model = ConvBertForQuestionAnswering.from_pretrained(CHECKPOINTS / f"{architecture}-question-answering")
    for batch in batches(architecture, "question-answering"):
        logits = run(model, batch)
        assert all(relative_difference(logits[name], batch[name]) < 1e-5 for name in OUTPUTS)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_masked_padding_gives_the_row_alone(architecture: str) -> None:
    checkpoint = CHECKPOINTS / f"{architecture}-question-answering"
    masked, as_trained = (
        ConvBertForQuestionAnswering.from_pretrained(checkpoint, padding=padding)
        for padding in ("masked", "as-trained")
    )
    batch = batches(architecture, "question-answering")[2]
    for row, length in ((1, 34), (2, 29)):
        alone = batch[f"row{row}.start_logits"]
        assert relative_difference(run(masked, batch)["start_logits"][row : row + 1, :length], alone) < 1e-5
        assert relative_difference(run(as_trained, batch)["start_logits"][row : row + 1, :length], alone) > 1e-2


@st.composite
def configurations(draw: st.DrawFn) -> dict[str, Any]:
    heads, ratio = draw(st.sampled_from([(2, 2), (4, 2), (4, 4), (6, 2), (2, 4), (3, 1)]))
    mixed, groups = max(1, heads // ratio), draw(st.sampled_from([1, 2, 4]))
    hidden = 2 * mixed * groups * draw(st.integers(1, 4))
    return {
        "vocab_size": 50,
        "hidden_size": hidden,
        "embedding_size": draw(st.sampled_from([hidden, 6, 10])),
        "num_hidden_layers": draw(st.integers(1, 2)),
        "num_attention_heads": heads,
        "head_ratio": ratio,
        "intermediate_size": groups * draw(st.integers(1, 12)),
        "num_groups": groups,
        "conv_kernel_size": draw(st.sampled_from([1, 3, 5, 9])),
        "hidden_act": draw(st.sampled_from(["gelu", "gelu_new", "relu", "silu"])),
        "type_vocab_size": draw(st.sampled_from([1, 2, 4])),
        "max_position_embeddings": 24,
        "layer_norm_eps": 1e-5,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    }


@given(configurations(), st.integers(1, 24), st.integers(0, 2**31))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_configuration_agrees_with_the_reference(values: dict[str, Any], length: int, seed: int) -> None:
    torch.manual_seed(seed)
    reference = ReferenceForQuestionAnswering(ReferenceConfig(**values, attn_implementation="eager"))
    for parameter in reference.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    config = ConvBertConfig.from_dict(values)
    model = ConvBertForQuestionAnswering.from_state_dict(config, reference.state_dict())
    inputs = {
        "input_ids": torch.randint(50, (3, length)),
        "attention_mask": (torch.arange(length) < torch.tensor([[length], [length // 2 + 1], [1]])).long(),
        "token_type_ids": torch.randint(values["type_vocab_size"], (3, length)),
        "start_positions": torch.tensor([0, length - 1, length + 5]),
        "end_positions": torch.tensor([length - 1, length - 1, 0]),
    }
    ours, theirs = model(**inputs), reference(**inputs)
    ours.loss.backward()
    theirs.loss.backward()
    for name in (*OUTPUTS, "loss"):
        torch.testing.assert_close(getattr(ours, name), getattr(theirs, name), rtol=1e-5, atol=1e-5)
    named = {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}
    gradients = to_reference(named, type(model).__name__, config)
    for name, parameter in reference.named_parameters():
        assert parameter.grad is not None
        scale = max(1.0, float(parameter.grad.abs().max()))
        torch.testing.assert_close(gradients[name] / scale, parameter.grad / scale, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("preset", "millions"), [("base", 105.7), ("medium-small", 17.5), ("small", 13.1)])
def test_presets_have_the_papers_number_of_parameters(preset: str, millions: float) -> None:
    with torch.device("meta"):
        model = ConvBertModel(PRESETS[preset])
    assert round(sum(parameter.numel() for parameter in model.parameters()) / 1e6, 1) == millions


def test_a_head_for_two_outputs_wants_two_labels() -> None:
    with pytest.raises(ConfigError, match="num_labels must be 2"):
        ConvBertForQuestionAnswering(ConvBertConfig(num_labels=3))


def test_the_task_table_names_the_heads() -> None:
    assert HEADS.keys() <= {task.head for task in TASKS}
    assert all(HEADS[name].__name__ == name for name in HEADS)
