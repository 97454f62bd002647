"""From PyTorch to ONNX: trace, tidy, validate, and write the bundle. Needs the ``export`` extra and an engine."""

from convbert_onnx.packages import require

require("exporting", "cpu,export", "torch", "onnx", "onnx_ir", "onnxscript", "safetensors")

from convbert_onnx.exporters.export import export
from convbert_onnx.exporters.from_optimum import from_optimum
from convbert_onnx.exporters.quantization.calibrate import calibrate
from convbert_onnx.exporters.quantization.quantize import quantize

__all__ = ["calibrate", "export", "from_optimum", "quantize"]
