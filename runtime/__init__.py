"""Run exported models: tokenizers, sessions and pipelines on numpy, onnxruntime and tokenizers alone."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from convbert_onnx.runtime.benchmarking.benchmark import Benchmark, bench
    from convbert_onnx.runtime.evaluation.evaluate import Evaluation, evaluate
    from convbert_onnx.runtime.inspection import FileInfo, inspect
    from convbert_onnx.runtime.json_lines.answer_file import answer_file
    from convbert_onnx.runtime.json_lines.answer_lines import answer_lines
    from convbert_onnx.runtime.pipeline import ConvBertOnnxPipeline, PipelineInfo
    from convbert_onnx.runtime.pipelines.feature_extraction import TokenVectors
    from convbert_onnx.runtime.pipelines.fill_mask import FilledMask
    from convbert_onnx.runtime.pipelines.multiple_choice import Choice
    from convbert_onnx.runtime.pipelines.question_answering import Answer
    from convbert_onnx.runtime.pipelines.text_classification import Classification
    from convbert_onnx.runtime.pipelines.token_classification import Entity
    from convbert_onnx.runtime.pipelines.zero_shot_classification import LabelledSequence
    from convbert_onnx.runtime.tokenization.fast import ConvBertTokenizerFast
    from convbert_onnx.runtime.tokenization.python import ConvBertTokenizer

__all__ = [
    "Answer",
    "Benchmark",
    "Choice",
    "Classification",
    "ConvBertOnnxPipeline",
    "ConvBertTokenizer",
    "ConvBertTokenizerFast",
    "Entity",
    "Evaluation",
    "FileInfo",
    "FilledMask",
    "LabelledSequence",
    "PipelineInfo",
    "TokenVectors",
    "answer_file",
    "answer_lines",
    "bench",
    "evaluate",
    "inspect",
]

_MODULES = {
    "Answer": "pipelines.question_answering",
    "Benchmark": "benchmarking.benchmark",
    "Choice": "pipelines.multiple_choice",
    "Classification": "pipelines.text_classification",
    "ConvBertOnnxPipeline": "pipeline",
    "ConvBertTokenizer": "tokenization.python",
    "ConvBertTokenizerFast": "tokenization.fast",
    "Entity": "pipelines.token_classification",
    "Evaluation": "evaluation.evaluate",
    "FileInfo": "inspection",
    "FilledMask": "pipelines.fill_mask",
    "LabelledSequence": "pipelines.zero_shot_classification",
    "PipelineInfo": "pipeline",
    "TokenVectors": "pipelines.feature_extraction",
    "answer_file": "json_lines.answer_file",
    "answer_lines": "json_lines.answer_lines",
    "bench": "benchmarking.benchmark",
    "evaluate": "evaluation.evaluate",
    "inspect": "inspection",
}


def __getattr__(name: str) -> object:
    # Modules are imported on first use, so that running a model does not import benchmarks and evaluation.
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
