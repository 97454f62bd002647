"""Read PyTorch models in memory: find the ConvBERT inside a wrapper, and load its weights into our class."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from convbert_onnx.bundle import Padding
from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import ExportError
from convbert_onnx.models.heads import HEADS
from convbert_onnx.models.names import refuse_transformed_weights, unwrap_name
from convbert_onnx.models.pretrained import PreTrainedModel
from convbert_onnx.tasks import Task, task_of_architectures

__all__ = ["config_of", "find_model", "read_model", "task_of_model"]

_TOLERANCES = {torch.float16: 5e-2, torch.bfloat16: 5e-2}
"""Tolerance of outputs against those of our class in fp32, relative to the largest, by dtype; 1e-3 for others."""

_MAX_LENGTH = 8
"""Tokens of the row that forwards are compared on."""


def find_model(model: nn.Module) -> nn.Module:
    """The model itself, or the one inside DataParallel, a compiled module, a trainer's module and the like.

    Raises:
        ExportError: the wrapper has no such model inside, has several, or has weights or modules of its own.
    """
    candidates = list(_outermost(model))
    kind = type(model).__name__
    if not candidates:
        raise ExportError(f"a {kind} is not a ConvBERT and has none inside: pass a model of {', '.join(HEADS)}")
    if len(candidates) > 1:
        kinds = ", ".join(type(inner).__name__ for inner in candidates)
        raise ExportError(f"a {kind} has several models inside ({kinds}): pass one of them")
    (inner,) = candidates
    own = {id(parameter) for parameter in inner.parameters()}
    others = [name for name, parameter in model.named_parameters() if id(parameter) not in own]
    if others or (isinstance(model, nn.Sequential) and len(model) > 1):
        what = f"weights of its own ({', '.join(others[:5])})" if others else "other modules"
        raise ExportError(
            f"a {kind} has {what} in addition to the {type(inner).__name__} inside, which an export would "
            "lose: pass the inner model if they are not needed"
        )
    return inner


def task_of_model(model: nn.Module) -> Task | None:
    """The task of the first class in a model's method resolution order that has one."""
    return next(filter(None, (task_of_architectures([base.__name__]) for base in type(model).__mro__)), None)


def config_of(model: nn.Module) -> ConvBertConfig:
    """The config of a model, ours or the reference's.

    Raises:
        ExportError: the model has none.
        ConfigError: the config is not a ConvBERT's.
    """
    config: Any = getattr(model, "config", None)
    if isinstance(config, ConvBertConfig):
        return config
    if not hasattr(config, "to_dict"):
        raise ExportError(f"this {type(model).__name__} has no config that describes it: set its `config`")
    return ConvBertConfig.from_dict(config.to_dict())


def read_model(model: nn.Module, task: Task, padding: Padding) -> PreTrainedModel:
    """Load the weights of a model into our class, in evaluation mode and fp32. The given model is not changed.

    Raises:
        ConfigError: the model's config is not a ConvBERT's.
        CheckpointError: its weights do not fit, or cannot be read.
        ExportError: it has other weights or other outputs than our class.
    """
    config = config_of(model)
    if any(parameter.is_meta for parameter in model.parameters()):
        raise ExportError(f"this {type(model).__name__} is on the meta device, without values: load its weights first")
    source = f"this {type(model).__name__}"
    tensors = _weights(model, task, source)
    config = replace(config, tie_word_embeddings=_is_tied(model))
    read = HEADS[task.head].from_state_dict(config, tensors, padding=padding, source=source)
    _check_forward(model, read, task)
    return read


def _outermost(model: nn.Module) -> Iterator[nn.Module]:
    if task_of_model(model) is not None:
        yield model
        return
    seen: set[int] = set()
    for child in model.children():
        for inner in _outermost(child):
            if id(inner) not in seen:
                seen.add(id(inner))
                yield inner


def _weights(model: nn.Module, task: Task, source: str) -> Mapping[str, Tensor]:
    """The weights under the reference's names, without buffers, which no ConvBERT computes with."""
    state = {unwrap_name(name): tensor for name, tensor in model.state_dict().items()}
    refuse_transformed_weights(state, source)
    if not isinstance(model, PreTrainedModel):
        buffers = {unwrap_name(name) for name, _ in model.named_buffers()}
        return {name: tensor for name, tensor in state.items() if name not in buffers}
    with torch.device("meta"):
        known = HEADS[task.head](model.config).state_dict().keys()
    if missing := known - state.keys():
        names = ", ".join(sorted(missing)[:5])
        raise ExportError(f"{source} lacks weights of a {task.head} ({names}): pass one of those")
    if others := {unwrap_name(name) for name, _ in model.named_parameters()} - known:
        raise ExportError(
            f"{source} has weights that a {task.head} lacks ({', '.join(sorted(others)[:5])}), which an export would "
            "lose: pass a model without them"
        )
    return model.reference_state_dict()


def _is_tied(model: nn.Module) -> bool:
    """Whether the logits of words are computed with the word embeddings; in the reference they may be untied."""
    config = config_of(model)
    head, words = getattr(model, "generator_lm_head", None), getattr(model, "get_input_embeddings", None)
    if head is None or words is None or isinstance(model, PreTrainedModel):
        return config.tie_word_embeddings
    return torch.equal(head.weight, words().weight)


def _check_forward(model: nn.Module, read: PreTrainedModel, task: Task) -> None:
    """Check that a model with its own forward has the outputs of its base class."""
    base: Any = next(base for base in type(model).__mro__ if base.__name__ == task.head)
    if type(model).forward is base.forward and "forward" not in vars(model):
        return
    random = torch.Generator().manual_seed(0)
    length = min(_MAX_LENGTH, read.config.max_position_embeddings)
    shape = [1, 2, length] if task.has_choices else [1, length]
    ids = torch.randint(0, read.config.vocab_size, shape, generator=random)
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "token_type_ids": torch.zeros_like(ids)}
    parameter = next(model.parameters())
    with torch.inference_mode():
        try:
            with _evaluating(model):
                own = model(**{name: tensor.to(parameter.device) for name, tensor in inputs.items()})
        except Exception:
            return  # it requires other arguments, such as labels, so it cannot be compared
        expected = read(**inputs)
    for number, spec in enumerate(task.outputs):
        actual = _output(own, number, spec.name)
        reference: Tensor = getattr(expected, spec.name)
        if not isinstance(actual, Tensor):
            continue
        same = actual.shape == reference.shape
        scale = max(1.0, float(reference.abs().max()))
        if not same or float((actual.to("cpu", torch.float32) - reference).abs().max()) > scale * _TOLERANCES.get(
            parameter.dtype, 1e-3
        ):
            raise ExportError(
                f"the forward of {type(model).__name__} returns other {spec.name} than that of {task.head}, which "
                f"would be exported: pass a {task.head}, or make both return the same"
            )


def _output(outputs: Any, number: int, name: str) -> Any:
    """One output of a forward, which may return an object, a mapping, a tuple or a single tensor."""
    if isinstance(outputs, Tensor):
        outputs = (outputs,)
    if isinstance(outputs, Mapping):
        return outputs.get(name)
    output = getattr(outputs, name, None)
    return outputs[number] if output is None and isinstance(outputs, tuple) and number < len(outputs) else output


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Switch to evaluation mode, and restore each module's mode afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        for module, _ in modes:
            module.training = False
        yield
    finally:
        for module, mode in modes:
            module.training = mode
