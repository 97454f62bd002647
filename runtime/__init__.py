"""Exported models at work: tokenizers, sessions and pipelines on numpy, onnxruntime and tokenizers alone."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convbert_onnx.runtime.benchmarking.benchmark import bench
    from convbert_onnx.runtime.evaluation.evaluate import evaluate
    from convbert_onnx.runtime.inspection import inspect
    from convbert_onnx.runtime.json_lines.answer_file import answer_file
    from convbert_onnx.runtime.json_lines.answer_lines import answer_lines
    from convbert_onnx.runtime.pipeline import ConvBertOnnxPipeline
    from convbert_onnx.runtime.tokenization.fast import ConvBertTokenizerFast
    from convbert_onnx.runtime.tokenization.python import ConvBertTokenizer

__all__ = [
    "ConvBertOnnxPipeline",
    "ConvBertTokenizer",
    "ConvBertTokenizerFast",
    "answer_file",
    "answer_lines",
    "bench",
    "evaluate",
    "inspect",
]

_MODULES = {
    "ConvBertOnnxPipeline": "pipeline",
    "ConvBertTokenizer": "tokenization.python",
    "ConvBertTokenizerFast": "tokenization.fast",
    "answer_file": "json_lines.answer_file",
    "answer_lines": "json_lines.answer_lines",
    "bench": "benchmarking.benchmark",
    "evaluate": "evaluation.evaluate",
    "inspect": "inspection",
}


def __getattr__(name: str) -> Any:
    # On first use: who wants an answer at once should not wait for what measures models.
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
