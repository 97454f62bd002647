"""Reading ONNX files without the onnx package: their parts, their weights, their hashes."""
