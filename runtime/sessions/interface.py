"""What a graph takes and gives, matched with what a task needs; graphs from elsewhere differ in small ways."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import BundleError
from convbert_onnx.runtime.sessions.onnxruntime_types import Array, NodeArg, Session
from convbert_onnx.tasks import Task, TensorSpec

__all__ = ["Interface", "find_interface", "sizes_of"]

_Integer = type[np.int64] | type[np.int32]

_INTEGERS: dict[str, _Integer] = {"tensor(int64)": np.int64, "tensor(int32)": np.int32}
_FLOATS = {"tensor(float)", "tensor(float16)", "tensor(double)"}
_MEANING = {"labels": "labels", "vocab": "tokens", "hidden": "channels"}
_REQUIRED = {"input_ids", "attention_mask"}
"""Some exporters leave out token_type_ids where a model has no use for them."""


@dataclass(frozen=True)
class Interface:
    """How to call a session.

    Attributes:
        inputs: numpy's type of each input that the graph takes.
        outputs: the graph's names of the task's outputs, in the task's order.
        batch: the only number of rows that it takes, or None where it takes any.
        choices: the only number of choices, or None.
        sequence: the only number of tokens, or None.
    """

    inputs: Mapping[str, _Integer]
    outputs: tuple[str, ...]
    batch: int | None = None
    choices: int | None = None
    sequence: int | None = None

    def fit(self, arrays: Mapping[str, Array], pad_token_id: int) -> dict[str, Array]:
        """The inputs that the graph takes, in its types, padded to the shape that it takes.

        Args:
            arrays: [B, S] or [B, C, S] each.
            pad_token_id: fills ``input_ids``.
        """
        found: dict[str, Array] = {}
        for name, kind in self.inputs.items():
            array: Array = arrays[name].astype(kind, copy=False)
            if self.sequence is not None and array.shape[-1] < self.sequence:
                width = [(0, 0)] * (array.ndim - 1) + [(0, self.sequence - array.shape[-1])]
                array = np.pad(array, width, constant_values=pad_token_id if name == "input_ids" else 0)
            if self.choices is not None and array.ndim == 3:
                array = _repeated(array, 1, self.choices)
            if self.batch is not None:
                array = _repeated(array, 0, self.batch)
            found[name] = array
        return found

    def run(self, session: Session, inputs: Mapping[str, Array]) -> list[NDArray[np.float32]]:
        """The task's outputs as the session gives them, in float32."""
        return [array.astype(np.float32, copy=False) for array in session.run(list(self.outputs), dict(inputs))]


def find_interface(path: Path, session: Session, task: Task, config: ConvBertConfig) -> Interface:
    """How to call a session for a task.

    Raises:
        BundleError: it cannot be used for the task, or not with this config.
    """
    inputs = {spec.name: spec for spec in session.get_inputs()}
    outputs = {spec.name: spec for spec in session.get_outputs()}
    axes = {spec.name: spec.axes for spec in task.inputs}
    names = _find_outputs(outputs, task.outputs)
    fits = (
        _REQUIRED <= inputs.keys() <= axes.keys()
        and all(len(spec.shape) == len(axes[name]) for name, spec in inputs.items())
        and names is not None
    )
    if not fits or names is None:
        raise BundleError(
            f"{path} is no {task.name} model: it takes {', '.join(sorted(inputs))} and gives "
            f"{', '.join(sorted(outputs))}, the task needs {', '.join(axes)} and "
            f"{', '.join(sorted(spec.name for spec in task.outputs))}; export one with --task {task.name}"
        )
    for spec in inputs.values():
        if spec.type not in _INTEGERS:
            raise BundleError(f"{path} takes {spec.name} as {spec.type}: export it with inputs of int64 or int32")
    for name in names:
        if outputs[name].type not in _FLOATS:
            raise BundleError(f"{path} gives {name} as {outputs[name].type}: export it with outputs of float32")
    shapes = {name: dict(zip(axes[name], spec.shape, strict=True)) for name, spec in inputs.items()}
    interface = Interface(
        {name: _INTEGERS[spec.type] for name, spec in inputs.items()},
        names,
        **{axis: _fixed(path, axis, shapes) for axis in ("batch", "choices", "sequence")},
    )
    _check_sizes(path, session, interface, task, config)
    return interface


def sizes_of(config: ConvBertConfig) -> dict[str, int]:
    """The sizes of the axes that do not depend on the input."""
    return {"labels": config.num_labels, "vocab": config.vocab_size, "hidden": config.hidden_size}


def _find_outputs(outputs: Mapping[str, NodeArg], specs: Sequence[TensorSpec]) -> tuple[str, ...] | None:
    """The graph's names of a task's outputs; where they differ, the only outputs that can be meant."""
    names = tuple(spec.name for spec in specs)
    if outputs.keys() >= set(names):
        return names
    rank = len(specs[0].axes)
    possible = [name for name, spec in outputs.items() if spec.type in _FLOATS and len(spec.shape) == rank]
    if len(possible) != len(names):
        return None
    # Of two names that say which is which, the order counts; else the graph's order is the reference's.
    first, last = possible[0].lower(), possible[-1].lower()
    return tuple(reversed(possible)) if "end" in first and "start" in last else tuple(possible)


def _fixed(path: Path, axis: str, shapes: Mapping[str, Mapping[str, int | str | None]]) -> int | None:
    """The size that an axis must have, or None where it is free."""
    sizes = {size for shape in shapes.values() if isinstance(size := shape.get(axis), int)}
    if len(sizes) > 1 or any(size < 1 for size in sizes):
        raise BundleError(f"{path} takes inputs whose {axis} differs ({sorted(sizes)}): export it again")
    return sizes.pop() if sizes else None


def _check_sizes(path: Path, session: Session, interface: Interface, task: Task, config: ConvBertConfig) -> None:
    """Make sure that outputs have as many labels, tokens or channels as the config says."""
    sizes = sizes_of(config)
    declared = {spec.name: spec.shape for spec in session.get_outputs()}
    found = [declared[name][-1] if declared[name] else None for name in interface.outputs]
    if task.outputs[0].axes[-1] in sizes and not all(isinstance(size, int) for size in found):
        found = [array.shape[-1] for array in _trial(path, session, interface, task)]
    for size, spec in zip(found, task.outputs, strict=True):
        axis = spec.axes[-1]
        if axis in sizes and size != sizes[axis]:
            raise BundleError(
                f"{path} gives {size} {_MEANING[axis]}, its config has {sizes[axis]}: put the config.json of this "
                "model beside it, or pass config="
            )


def _trial(path: Path, session: Session, interface: Interface, task: Task) -> list[NDArray[np.float32]]:
    """The outputs for some tokens, for a graph that does not say what their shape is."""
    tokens = np.zeros((1,) * (len(task.inputs[0].axes) - 1) + (2,), np.int64)
    arrays = {"input_ids": tokens, "attention_mask": tokens + 1, "token_type_ids": tokens}
    try:
        outputs = interface.run(session, interface.fit(arrays, 0))
    except Exception as error:  # onnxruntime's exceptions have no common base below Exception
        raise BundleError(f"onnxruntime failed on {path} with two tokens: {error}") from error
    if any(array.ndim != len(spec.axes) for array, spec in zip(outputs, task.outputs, strict=True)):
        raise BundleError(
            f"{path} gives outputs of other shapes than {task.name} has: export it with --task {task.name}"
        )
    return outputs


def _repeated(array: Array, axis: int, size: int) -> Array:
    """An array with its first part along an axis repeated at the end, so that the axis has the size."""
    missing = size - array.shape[axis]
    return array if missing <= 0 else np.concatenate([array, *[array.take([0], axis)] * missing], axis)
