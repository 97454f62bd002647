"""Exported models at work: tokenizers, sessions and pipelines on numpy, onnxruntime and tokenizers alone."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convbert_onnx.runtime.answer_file import answer_file
    from convbert_onnx.runtime.benchmark import bench
    from convbert_onnx.runtime.evaluation import evaluate
    from convbert_onnx.runtime.inspection import inspect
    from convbert_onnx.runtime.json_lines import answer_lines
    from convbert_onnx.runtime.pipeline import ConvBertOnnxPipeline
    from convbert_onnx.runtime.tokenizer_fast import ConvBertTokenizerFast
    from convbert_onnx.runtime.tokenizer_python import ConvBertTokenizer

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
    "ConvBertTokenizer": "tokenizer_python",
    "ConvBertTokenizerFast": "tokenizer_fast",
    "answer_file": "answer_file",
    "answer_lines": "json_lines",
    "bench": "benchmark",
    "evaluate": "evaluation",
    "inspect": "inspection",
}


def __getattr__(name: str) -> Any:
    # On first use: who wants an answer at once should not wait for what measures models.
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
