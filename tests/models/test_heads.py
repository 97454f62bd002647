"""The models with a head, against the golden outputs and against transformers on random configurations."""

from typing import Any

import pytest
import torch
import transformers
from golden import ARCHITECTURES, CHECKPOINTS, Batch, batches, inputs_of, relative_difference
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convbert_onnx import models
from convbert_onnx.bundle import Padding
from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import ConfigError
from convbert_onnx.models import HEADS, ConvBertForQuestionAnswering, heads
from convbert_onnx.models.checkpoint import to_reference
from convbert_onnx.models.pretrained import PreTrainedModel
from convbert_onnx.tasks import TASKS, Task


def load(architecture: str, task: Task, padding: Padding = "as-trained") -> Any:
    return HEADS[task.head].from_pretrained(CHECKPOINTS / f"{architecture}-{task.name}", padding=padding)


def run(model: PreTrainedModel, batch: Batch, output: str, like: Any) -> Any:
    """One output, truncated to the positions in the golden file."""
    with torch.inference_mode():
        result = model(**{name: torch.from_numpy(array) for name, array in inputs_of(batch).items()})
    array = getattr(result, output).numpy()
    return array[:, : like.shape[1]] if array.ndim > 1 else array


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_outputs_equal_the_golden_outputs(architecture: str, task: Task) -> None:
    model = load(architecture, task)
    for batch in batches(architecture, task.name):
        for spec in task.outputs:
            assert relative_difference(run(model, batch, spec.name, batch[spec.name]), batch[spec.name]) < 1e-5


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_masked_padding_gives_each_row_its_unpadded_result(architecture: str, task: Task) -> None:
    masked, as_trained = (load(architecture, task, padding) for padding in ("masked", "as-trained"))
    batch = batches(architecture, task.name)[2 if task.name != "fill-mask" else 1]
    name = task.outputs[0].name
    alone = batch[f"row2.{name}"]
    assert relative_difference(run(masked, batch, name, alone)[2:], alone) < 1e-5
    if "sequence" in task.outputs[0].axes and task.name != "fill-mask":  # golden: 6 positions only
        assert relative_difference(run(as_trained, batch, name, alone)[2:], alone) > 1e-2


def test_multiple_choice_uses_the_last_token_before_padding() -> None:
    task = TASKS[3]
    batch = batches("plain", task.name)[2]
    masked, as_trained = (
        run(load("plain", task, p), batch, "logits", batch["logits"]) for p in ("masked", "as-trained")
    )
    assert relative_difference(masked[2:], batch["row2.logits"]) < 1e-5
    assert relative_difference(as_trained[2:], batch["row2.logits"]) > 1e-2


@pytest.mark.parametrize("task", [TASKS[2], TASKS[3]], ids=lambda task: task.name)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_narrowed_last_layer_gives_the_same_logits(architecture: str, task: Task) -> None:
    model = load(architecture, task, "masked")
    for batch in batches(architecture, task.name):
        inputs = {name: torch.from_numpy(array) for name, array in inputs_of(batch).items()}
        with torch.inference_mode():
            narrow, whole = model(**inputs), model(**inputs, output_hidden_states=True)
        torch.testing.assert_close(narrow.logits, whole.logits, rtol=1e-5, atol=1e-5)
        assert len(whole.hidden_states) == model.config.num_hidden_layers + 1


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
        "num_labels": 2,
        "summary_type": draw(st.sampled_from(["last", "first", "mean", "cls_index"])),
        "summary_use_proj": draw(st.booleans()),
        "summary_activation": draw(st.sampled_from([None, "tanh"])),
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    }


def labels_for(head: str, length: int, problem: str) -> dict[str, torch.Tensor]:
    if head == "ConvBertForQuestionAnswering":
        starts, ends = torch.tensor([0, length - 1, length + 5]), torch.tensor([length - 1, length - 1, 0])
        return {"start_positions": starts, "end_positions": ends}
    if head in ("ConvBertForMaskedLM", "ConvBertForTokenClassification"):
        labels = torch.randint(2, (3, length))
        labels[1] = -100
        return {"labels": labels}
    if problem != "single_label_classification" and head == "ConvBertForSequenceClassification":
        return {"labels": torch.rand(3, 2)}
    return {} if head == "ConvBertModel" else {"labels": torch.tensor([0, 1, 1])}


@pytest.mark.parametrize("head", HEADS)
@given(
    values=configurations(),
    length=st.integers(1, 24),
    seed=st.integers(0, 2**31),
    problem=st.sampled_from(["regression", "single_label_classification", "multi_label_classification"]),
)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_random_configurations_agree_with_transformers(
    head: str, values: dict[str, Any], length: int, seed: int, problem: str
) -> None:
    torch.manual_seed(seed)
    values = values | {"problem_type": problem}
    kind: Any = getattr(transformers, head)
    reference = kind(transformers.ConvBertConfig(**values, attn_implementation="eager"))
    for parameter in reference.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    config = ConvBertConfig.from_dict(values)
    model = HEADS[head].from_state_dict(config, reference.state_dict())
    mask = (torch.arange(length) < torch.tensor([[length], [length // 2 + 1], [1]])).long()
    inputs = {
        "input_ids": torch.randint(50, (3, length)),
        "attention_mask": mask,
        "token_type_ids": torch.randint(values["type_vocab_size"], (3, length)),
    }
    if head == "ConvBertForMultipleChoice":
        inputs = {name: torch.stack([tensor, tensor.flip(0)], dim=1) for name, tensor in inputs.items()}
    flags = {"output_hidden_states": True, "output_attentions": True}
    labels = labels_for(head, length, problem)
    ours, theirs = model(**inputs, **labels, **flags), reference(**inputs, **labels, **flags)
    for name in (spec.name for task in TASKS if task.head == head for spec in task.outputs):
        torch.testing.assert_close(getattr(ours, name), getattr(theirs, name), rtol=1e-5, atol=1e-5)
    for name in ("hidden_states", "attentions"):
        for own, other in zip(getattr(ours, name), getattr(theirs, name), strict=True):
            torch.testing.assert_close(own, other, rtol=1e-5, atol=1e-5)
    if not labels:
        return
    torch.testing.assert_close(ours.loss, theirs.loss, rtol=1e-5, atol=1e-5)
    ours.loss.backward()
    theirs.loss.backward()
    named = {name: torch.zeros_like(p) if p.grad is None else p.grad for name, p in model.named_parameters()}
    gradients = to_reference(named, head, config)
    for name, parameter in reference.named_parameters():
        if parameter.grad is not None:
            scale = max(1.0, float(parameter.grad.abs().max()))
            torch.testing.assert_close(gradients[name] / scale, parameter.grad / scale, rtol=1e-5, atol=1e-5)


def test_question_answering_requires_two_labels() -> None:
    with pytest.raises(ConfigError, match="num_labels must be 2"):
        ConvBertForQuestionAnswering(ConvBertConfig(num_labels=3))


def test_heads_are_those_of_the_task_table() -> None:
    assert HEADS.keys() == {task.head for task in TASKS}
    assert all(HEADS[name].__name__ == name for name in HEADS)


def test_package_exports_every_head() -> None:
    assert set(heads.__all__) <= set(models.__all__)
    assert all(getattr(models, name) is head for name, head in HEADS.items())
