"""The versions of the packages that make a file, for its record."""

from collections.abc import Sequence
from importlib.metadata import version

from convbert_onnx.packages import load_onnxruntime

__all__ = ["tool_versions"]


def tool_versions(packages: Sequence[str] = ()) -> dict[str, str]:
    """The versions of convbert-onnx, of other packages, and of onnxruntime, whichever package provides it."""
    versions = {package: version(package) for package in ("convbert-onnx", *packages)}
    return versions | {"onnxruntime": load_onnxruntime().__version__}
