"""ConvBERT in PyTorch: the backbone, its heads, and checkpoints. Needs the ``export`` extra."""

from convbert_onnx.packages import require

require("a model in PyTorch", "cpu,export", "torch", "safetensors")

from convbert_onnx.models.convbert import ConvBertModel
from convbert_onnx.models.convert import convert
from convbert_onnx.models.heads import (
    HEADS,
    ConvBertForMaskedLM,
    ConvBertForMultipleChoice,
    ConvBertForQuestionAnswering,
    ConvBertForSequenceClassification,
    ConvBertForTokenClassification,
)
from convbert_onnx.models.presets import PRESETS

__all__ = [
    "HEADS",
    "PRESETS",
    "ConvBertForMaskedLM",
    "ConvBertForMultipleChoice",
    "ConvBertForQuestionAnswering",
    "ConvBertForSequenceClassification",
    "ConvBertForTokenClassification",
    "ConvBertModel",
    "convert",
]
