"""ConvBERT in PyTorch: the backbone, its heads, and checkpoints. Needs the ``export`` extra."""

from importlib.util import find_spec

from convbert_onnx.errors import MissingExtraError

for _package in ("torch", "safetensors"):
    if find_spec(_package) is None:
        raise MissingExtraError(f"models in PyTorch need {_package}", "cpu,export")

from convbert_onnx.models.convbert import ConvBertModel
from convbert_onnx.models.heads import HEADS, ConvBertForQuestionAnswering
from convbert_onnx.models.presets import PRESETS

__all__ = ["HEADS", "PRESETS", "ConvBertForQuestionAnswering", "ConvBertModel"]
