"""Match the inputs and outputs of a graph with those of a task; graphs of other tools differ in small ways."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import BundleError
from convbert_onnx.runtime.sessions.onnxruntime_types import Array, NodeArg, Session
from convbert_onnx.tasks import Task, TensorSpec

__all__ = ["Interface", "engine_failure", "find_interface"]

_IntegerType = type[np.int64] | type[np.int32]

_INTEGER_TYPES: dict[str, _IntegerType] = {"tensor(int64)": np.int64, "tensor(int32)": np.int32}
_FLOAT_TYPES = {"tensor(float)", "tensor(float16)", "tensor(double)"}
_AXIS_NOUNS = {"labels": "labels", "vocab": "tokens", "hidden": "channels"}
_REQUIRED_INPUTS = {"input_ids", "attention_mask"}
"""Some exporters leave out token_type_ids if a model does not use them."""


@dataclass(frozen=True)
class Interface:
    """The inputs and outputs with which a session is called for a task.

    Attributes:
        inputs: the inputs of the graph with their NumPy types.
        outputs: the names that the graph gives the task's outputs, in the task's order.
        batch: the fixed batch size, or None if it is dynamic.
        choices: the fixed number of choices, or None.
        sequence: the fixed sequence length, or None.
        sizes: the sizes of the output axes that do not depend on the input.
        has_choices: whether inputs have an axis of choices, [B, C, S].
        takes_any_batch: whether int64 inputs of any [B, S] can be passed as they are, without :meth:`fit`.
    """

    inputs: Mapping[str, _IntegerType]
    outputs: tuple[str, ...]
    batch: int | None = None
    choices: int | None = None
    sequence: int | None = None
    sizes: Mapping[str, int] = field(default_factory=dict)
    has_choices: bool = False
    takes_any_batch: bool = False

    def fit(self, arrays: Mapping[str, Array], pad_token_id: int) -> dict[str, Array]:
        """Select the inputs of the graph, convert them to its types and pad them to its fixed sizes.

        Args:
            arrays: [B, S] each; with choices, each row is an example with one choice, because the score of a choice
                does not depend on the others. Arrays [B, C, S] stay as they are.
            pad_token_id: pads ``input_ids``; other inputs are padded with 0.
        """
        fitted: dict[str, Array] = {}
        for name, dtype in self.inputs.items():
            array: Array = arrays[name].astype(dtype, copy=False)
            if self.has_choices and array.ndim == 2:
                array = array[:, None]
            if self.sequence is not None and array.shape[-1] < self.sequence:
                width = [(0, 0)] * (array.ndim - 1) + [(0, self.sequence - array.shape[-1])]
                array = np.pad(array, width, constant_values=pad_token_id if name == "input_ids" else 0)
            if self.choices is not None:
                array = _repeat_first(array, 1, self.choices)
            if self.batch is not None:
                array = _repeat_first(array, 0, self.batch)
            fitted[name] = array
        return fitted


def find_interface(path: Path, session: Session, task: Task, config: ConvBertConfig) -> Interface:
    """Find out how to call a session for a task.

    Raises:
        BundleError: the graph does not fit the task or the config.
    """
    inputs = {spec.name: spec for spec in session.get_inputs()}
    outputs = {spec.name: spec for spec in session.get_outputs()}
    axes = {spec.name: spec.axes for spec in task.inputs}
    names = _find_outputs(outputs, task.outputs)
    fits = (
        _REQUIRED_INPUTS <= inputs.keys() <= axes.keys()
        and all(len(spec.shape) == len(axes[name]) for name, spec in inputs.items())
        and names is not None
    )
    if not fits or names is None:
        raise BundleError(
            f"{path} is not a {task.name} model: it has the inputs {', '.join(sorted(inputs))} and the outputs "
            f"{', '.join(sorted(outputs))}, the task needs {', '.join(axes)} and "
            f"{', '.join(sorted(spec.name for spec in task.outputs))}; export it with task={task.name!r}"
        )
    for spec in inputs.values():
        if spec.type not in _INTEGER_TYPES:
            raise BundleError(f"{path} has the input {spec.name} of type {spec.type}: export it with int64 inputs")
    for name in names:
        if outputs[name].type not in _FLOAT_TYPES:
            raise BundleError(
                f"{path} has the output {name} of type {outputs[name].type}: export it with float32 outputs"
            )
    shapes = {name: dict(zip(axes[name], spec.shape, strict=True)) for name, spec in inputs.items()}
    dtypes = {name: _INTEGER_TYPES[spec.type] for name, spec in inputs.items()}
    fixed = {axis: _fixed_size(path, axis, shapes) for axis in ("batch", "choices", "sequence")}
    interface = Interface(
        dtypes,
        names,
        **fixed,
        sizes={"labels": config.num_labels, "vocab": config.vocab_size, "hidden": config.hidden_size},
        has_choices=task.has_choices,
        takes_any_batch=dtypes == dict.fromkeys(axes, np.int64) and not any(fixed.values()) and not task.has_choices,
    )
    _check_sizes(path, session, interface, task)
    return interface


def engine_failure(path: Path, inputs: Mapping[str, Array], error: Exception) -> str:
    """The message for an error of onnxruntime while it runs a batch."""
    return f"onnxruntime failed on {path} with a batch of {inputs['input_ids'].shape} tokens: {error}"


def _find_outputs(outputs: Mapping[str, NodeArg], specs: Sequence[TensorSpec]) -> tuple[str, ...] | None:
    """Return the names that a graph gives the outputs of a task; None if no or several of its outputs fit."""
    names = tuple(spec.name for spec in specs)
    if outputs.keys() >= set(names):
        return names
    rank = len(specs[0].axes)
    possible = [name for name, spec in outputs.items() if spec.type in _FLOAT_TYPES and len(spec.shape) == rank]
    if len(possible) != len(names):
        return None
    # Names with "start" and "end" decide which is which; other names are in the order of transformers.
    first, last = possible[0].lower(), possible[-1].lower()
    return tuple(reversed(possible)) if "end" in first and "start" in last else tuple(possible)


def _fixed_size(path: Path, axis: str, shapes: Mapping[str, Mapping[str, int | str | None]]) -> int | None:
    """Return the fixed size of an axis, or None if it is dynamic."""
    sizes = {size for shape in shapes.values() if isinstance(size := shape.get(axis), int)}
    if len(sizes) > 1 or any(size < 1 for size in sizes):
        raise BundleError(f"{path} has inputs with different sizes of {axis} ({sorted(sizes)}): export it again")
    return sizes.pop() if sizes else None


def _check_sizes(path: Path, session: Session, interface: Interface, task: Task) -> None:
    """Check that the outputs have as many labels, tokens or channels as the config."""
    sizes = interface.sizes
    declared = {spec.name: spec.shape for spec in session.get_outputs()}
    actual = [declared[name][-1] if declared[name] else None for name in interface.outputs]
    if task.outputs[0].axes[-1] in sizes and not all(isinstance(size, int) for size in actual):
        actual = [array.shape[-1] for array in _trial_run(path, session, interface, task)]
    for size, spec in zip(actual, task.outputs, strict=True):
        axis = spec.axes[-1]
        if axis in sizes and size != sizes[axis]:
            raise BundleError(
                f"{path} gives {size} {_AXIS_NOUNS[axis]}, its config has {sizes[axis]}: put the config.json of this "
                "model next to it, or pass config=..."
            )


def _trial_run(path: Path, session: Session, interface: Interface, task: Task) -> list[Array]:
    """Run two tokens through a graph that does not declare the sizes of its outputs."""
    tokens = np.zeros((1, 2), np.int64)
    inputs = interface.fit({"input_ids": tokens, "attention_mask": tokens + 1, "token_type_ids": tokens}, 0)
    try:
        outputs = session.run(list(interface.outputs), inputs)
    except Exception as error:  # onnxruntime's exceptions have no common base below Exception
        raise BundleError(engine_failure(path, inputs, error)) from error
    if any(array.ndim != len(spec.axes) for array, spec in zip(outputs, task.outputs, strict=True)):
        raise BundleError(
            f"{path} has outputs of other shapes than a {task.name} model: export it with task={task.name!r}"
        )
    return outputs


def _repeat_first(array: Array, axis: int, size: int) -> Array:
    """Repeat the first slice along an axis at the end until the axis has the size."""
    missing = size - array.shape[axis]
    return array if missing <= 0 else np.concatenate([array, *[array.take([0], axis)] * missing], axis)
