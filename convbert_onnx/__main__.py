"""``python -m convbert_onnx`` is ``convbert-onnx``."""

from convbert_onnx.cli import main

main()
