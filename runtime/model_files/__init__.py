"""Read ONNX files without the package onnx: metadata, weights and hashes."""
