"""Exported models at work: tokenizers, sessions and pipelines on numpy, onnxruntime and tokenizers alone."""

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
    "answer_lines",
    "bench",
    "evaluate",
    "inspect",
]
