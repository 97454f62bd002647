"""Golden results of the reference, and comparisons with them."""

import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ARCHITECTURES = ("plain", "grouped", "cased")
TASKS = (
    "feature-extraction",
    "fill-mask",
    "text-classification",
    "multiple-choice",
    "token-classification",
    "question-answering",
)
DATA = Path(__file__).parents[1] / "data"
CHECKPOINTS = DATA / "checkpoints"
QUESTION = {"question": "Where is the dust from?", "context": "The dust is from the Sahara."}

Batch = dict[str, NDArray[Any]]

Exported = Callable[..., Path]
"""The fixture ``exported``: a function of architecture, target, padding and task that returns an exported model."""


def bundle_name(architecture: str, task: str, target: str, padding: str) -> str:
    """The file name of an exported model."""
    return f"{architecture}-{task}-{target}-{padding}.onnx"


def pipeline_cases(architecture: str, task: str) -> list[dict[str, Any]]:
    """Calls of the reference's pipeline: inputs, parameters, and output or error."""
    path = DATA / "golden" / f"{architecture}-{task}.json"
    cases: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["cases"]
    return cases


def tokenizer_cases(architecture: str) -> list[dict[str, Any]]:
    """Texts and text pairs, with the encodings of the reference's tokenizer."""
    path = DATA / "golden" / f"{architecture}-tokenizer.json"
    cases: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return cases


def batches(architecture: str, task: str) -> list[Batch]:
    """Inputs and outputs of each golden batch; ``row<r>.<output>`` is the output for row r alone."""
    by_number: dict[int, Batch] = defaultdict(dict)
    with np.load(DATA / "golden" / f"{architecture}-{task}.npz") as arrays:
        for key, array in arrays.items():
            number, name = key.split(".", 1)
            by_number[int(number)][name] = array
    return [by_number[number] for number in sorted(by_number)]


def inputs_of(batch: Batch) -> Batch:
    return {name: batch[name] for name in ("input_ids", "attention_mask", "token_type_ids")}


def relative_difference(actual: NDArray[Any], expected: NDArray[Any]) -> float:
    """The largest absolute difference, relative to the largest expected magnitude."""
    assert actual.shape == expected.shape
    return float(np.abs(actual - expected).max() / np.abs(expected).max())


def same_result(actual: Any, expected: Any, tolerance: float = 1e-4) -> bool:
    """Whether two pipeline results agree: floats within ``tolerance``, everything else exactly."""
    if isinstance(expected, list):
        return (
            isinstance(actual, list)
            and len(actual) == len(expected)
            and all(same_result(one, other, tolerance) for one, other in zip(actual, expected, strict=True))
        )
    if isinstance(expected, dict):
        return (
            isinstance(actual, dict)
            and actual.keys() == expected.keys()
            and all(same_result(actual[key], expected[key], tolerance) for key in expected)
        )
    if isinstance(expected, float | np.floating):
        return isinstance(actual, float) and abs(actual - float(expected)) <= tolerance
    return bool(actual == expected)
