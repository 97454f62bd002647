"""Export ConvBERT from PyTorch to ONNX, quantize and calibrate. Needs the ``export`` extra and an engine."""

from convbert_onnx.packages import require

require("exporting", "cpu,export", "torch", "onnx", "onnx_ir", "onnxscript", "safetensors")

from convbert_onnx.exporters.export import export
from convbert_onnx.exporters.from_optimum import from_optimum
from convbert_onnx.exporters.quantization.calibrate import calibrate
from convbert_onnx.exporters.quantization.quantize import quantize
from convbert_onnx.quantization_options import QuantizationOptions

__all__ = ["QuantizationOptions", "calibrate", "export", "from_optimum", "quantize"]
