"""From PyTorch to ONNX: trace, tidy, validate, and write the bundle. Needs the ``export`` extra and an engine."""

from importlib.util import find_spec

from convbert_onnx.errors import MissingExtraError

for _package in ("torch", "onnx", "onnx_ir", "onnxscript", "safetensors"):
    if find_spec(_package) is None:
        raise MissingExtraError(f"exporting needs {_package}", "cpu,export")

from convbert_onnx.exporters.export import export

__all__ = ["export"]
