#!/usr/bin/env bash
# Write checkpoints with real TensorFlow in a separate environment, and read them without TensorFlow.
# Environment variables: PYTHON creates that environment, BIN is the full environment, which reads.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$PYTHON" -m venv "$work/venv"
pip=("$work/venv/bin/pip" install --quiet --disable-pip-version-check)
"${pip[@]}" -r tests/with_tensorflow/requirements.txt
# --no-deps: tf-keras depends on TensorFlow with CUDA.
"${pip[@]}" --no-deps tf-keras==2.19.0 .
"$work/venv/bin/python" tests/with_tensorflow/write_checkpoints.py "$work/checkpoints"
# Converting the authors' checkpoints needs TensorFlow.
"$work/venv/bin/convbert-onnx" convert "$work/checkpoints/tf1-plain" -o "$work/checkpoints/converted-plain"
"$work/venv/bin/convbert-onnx" convert "$work/checkpoints/tf1-grouped" -o "$work/checkpoints/converted-grouped"
"$BIN/python" -m pytest tests/models/test_tensorflow.py --tensorflow "$work/checkpoints"
