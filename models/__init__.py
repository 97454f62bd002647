"""ConvBERT in PyTorch: the backbone, the models with a head, and checkpoints. Needs the ``export`` extra."""

from convbert_onnx.packages import require

require("a model in PyTorch", "cpu,export", "torch", "safetensors")

from convbert_onnx.models import heads
from convbert_onnx.models.convbert import ConvBertModel
from convbert_onnx.models.convert import convert
from convbert_onnx.models.heads import *  # noqa: F403  # a new head needs no edit here
from convbert_onnx.models.presets import PRESETS

__all__ = ["PRESETS", "ConvBertModel", "convert"]
__all__ += heads.__all__
