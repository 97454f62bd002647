"""Compare an exported file with its model, through onnxruntime as the runtime uses it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from convbert_onnx.bundle import ValidatedShape
from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import ParityError
from convbert_onnx.models.pretrained import PreTrainedModel
from convbert_onnx.runtime.sessions.session import open_session
from convbert_onnx.tasks import Task

__all__ = ["TOLERANCE", "shapes_to_validate", "validate"]

TOLERANCE = 1e-4
"""Largest difference of an fp32 export, relative to the largest output (at least 1)."""

_CHOICES = 3


def shapes_to_validate(config: ConvBertConfig) -> list[tuple[int, int, bool]]:
    """(batch, sequence, padded): lengths around the kernel's width, the maximum, and some in between."""
    longest, kernel = config.max_position_embeddings, config.conv_kernel_size
    lengths = {1, 2, 3, kernel - 1, kernel, 2 * kernel, longest}
    single_rows = [(1, length, False) for length in sorted(lengths) if 1 <= length <= longest]
    batches = [(3, min(20, longest), False), (4, min(20, longest), True), (2, longest, True)]
    return single_rows + batches


def validate(
    path: Path, model: PreTrainedModel, task: Task, before_shape: Callable[[], None] = lambda: None
) -> tuple[ValidatedShape, ...]:
    """Compare the file with the model on random tokens of several shapes.

    Args:
        path: the exported file.
        model: the model that it was exported from, in evaluation mode.
        task: the task, which names inputs and outputs.
        before_shape: called before each shape.

    Raises:
        ParityError: they differ by more than ``TOLERANCE``.
    """
    session = open_session(path, native=False).session  # the functions, which every engine runs
    random = np.random.default_rng(0)
    validated = []
    for batch, sequence, padded in shapes_to_validate(model.config):
        before_shape()
        inputs = _inputs(model.config, task, random, batch, sequence, padded)
        difference = _difference(session, model, task, inputs)
        validated.append(ValidatedShape(batch, sequence, padded, difference))
        if not difference <= TOLERANCE:
            raise ParityError(
                f"the exported graph differs from the model by {difference:.1e} (relative to the largest output) at "
                f"batch {batch}, length {sequence}, {'padded' if padded else 'not padded'}; at most {TOLERANCE:.0e} is "
                "allowed. Nothing was written: try another opset=... or target=..., and please report it"
            )
    return tuple(validated)


def _inputs(
    config: ConvBertConfig, task: Task, random: np.random.Generator, batch: int, sequence: int, padded: bool
) -> dict[str, NDArray[np.int64]]:
    rows = (batch, _CHOICES) if task.has_choices else (batch,)
    lengths = np.full(rows, sequence)
    if padded:
        lengths[1:] = random.integers(1, sequence + 1, lengths[1:].shape)
    mask = (np.arange(sequence) < lengths[..., None]).astype(np.int64)
    return {
        "input_ids": random.integers(0, config.vocab_size, mask.shape) * mask,
        "attention_mask": mask,
        "token_type_ids": random.integers(0, config.type_vocab_size, mask.shape) * mask,
    }


def _difference(session: Any, model: PreTrainedModel, task: Task, inputs: dict[str, NDArray[np.int64]]) -> float:
    """The largest difference of the outputs, relative to the largest output (at least 1)."""
    with torch.inference_mode():
        expected = model(**{name: torch.from_numpy(array) for name, array in inputs.items()})
    worst = 0.0
    for spec in task.outputs:
        (actual,) = session.run([spec.name], inputs)
        reference = getattr(expected, spec.name).numpy()
        # Outputs at padding have no meaning, and fused operators may compute others there.
        real = inputs["attention_mask"].astype(bool) if "sequence" in spec.axes else ...
        difference = np.abs(actual[real] - reference[real]).max()
        worst = max(worst, float(difference / max(1.0, np.abs(reference[real]).max())))
    return worst
