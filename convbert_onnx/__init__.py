"""Export ConvBERT models to ONNX, and run them with onnxruntime and tokenizers alone.

    from convbert_onnx import ConvBertOnnxPipeline
    pipe = ConvBertOnnxPipeline("model.onnx")
    pipe(question="Who wrote it?", context="It was written by Ada.")

Exporting needs torch and lives in :mod:`convbert_onnx.exporters`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import ConvBertError

if TYPE_CHECKING:
    from convbert_onnx.runtime import ConvBertOnnxPipeline, ConvBertTokenizer, ConvBertTokenizerFast

__all__ = [
    "ConvBertConfig",
    "ConvBertError",
    "ConvBertOnnxPipeline",
    "ConvBertTokenizer",
    "ConvBertTokenizerFast",
    "__version__",
]

__version__: str

_RUNTIME = ("ConvBertOnnxPipeline", "ConvBertTokenizer", "ConvBertTokenizerFast")


def __getattr__(name: str) -> Any:
    # Imported on first use, so that --help does not wait for numpy and onnxruntime.
    if name in _RUNTIME:
        return getattr(import_module("convbert_onnx.runtime"), name)
    if name == "__version__":
        from importlib.metadata import version

        return version("convbert-onnx")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
