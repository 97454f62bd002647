"""The command line: thin callers of the library, and the only place that prints."""

from convbert_onnx.cli.commands import main

__all__ = ["main"]
