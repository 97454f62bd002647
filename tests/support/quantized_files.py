"""Data and measures for the tests of quantized files."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import onnx
import onnxruntime
from golden import DATA, QUESTION
from numpy.typing import NDArray

from convbert_onnx import ConvBertOnnxPipeline

__all__ = ["CALIBRATION", "LABELLED", "operators_run", "outputs_of", "similarity", "with_metadata"]

LABELLED = {
    "question-answering": DATA / "labelled" / "squad-1.1.json",
    "text-classification": DATA / "labelled" / "polarity.tsv",
    "token-classification": DATA / "labelled" / "wikigold.conll",
    "multiple-choice": DATA / "labelled" / "codah.jsonl",
}
"""A file of labelled data per task."""

CALIBRATION = LABELLED | dict.fromkeys(("fill-mask", "feature-extraction"), DATA / "paragraph.txt")
"""A file to calibrate each task on."""


def outputs_of(file: Path, **options: Any) -> dict[str, NDArray[np.float32]]:
    """The raw outputs of a question-answering file on one question."""
    ((outputs,),) = ConvBertOnnxPipeline(file, **options).raw_outputs_many([QUESTION])
    return dict(outputs)


def similarity(one: dict[str, NDArray[np.float32]], other: dict[str, NDArray[np.float32]]) -> float:
    """The smallest correlation of two files' outputs."""
    return min(float(np.corrcoef(one[name], other[name])[0, 1]) for name in one)


def operators_run(file: Path, folder: Path) -> Counter[str]:
    """The operators that onnxruntime runs after its optimizations."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(folder / "optimized.onnx")
    onnxruntime.InferenceSession(str(file), options)
    return Counter(node.op_type for node in onnx.load(folder / "optimized.onnx").graph.node)


def with_metadata(
    source: Path,
    output: Path,
    entries: Mapping[str, str] = MappingProxyType({}),
    *,
    settings: dict[str, Any] | None = None,
) -> Path:
    """A copy of a file with other entries in its metadata, or other settings of its tokenizer."""
    model = onnx.load(source)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    old_settings = json.loads(metadata["convbert_onnx.tokenizer_config.json"])
    metadata["convbert_onnx.tokenizer_config.json"] = json.dumps(old_settings | (settings or {}))
    onnx.helper.set_model_props(model, metadata | dict(entries))
    onnx.save(model, output)
    return output
