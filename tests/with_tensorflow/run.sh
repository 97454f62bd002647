#!/usr/bin/env bash
# Let real TensorFlow write checkpoints, in an environment of its own, and read them where there is no TensorFlow.
# PYTHON makes that environment; BIN holds the full one, which reads.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$PYTHON" -m venv "$work/venv"
pip=("$work/venv/bin/pip" install --quiet --disable-pip-version-check)
"${pip[@]}" -r tests/with_tensorflow/requirements.txt
# --no-deps: tf-keras asks for the TensorFlow with CUDA.
"${pip[@]}" --no-deps tf-keras==2.19.0 .
"$work/venv/bin/python" tests/with_tensorflow/write_checkpoints.py "$work/checkpoints"
# The authors' checkpoints need TensorFlow once, to be converted.
"$work/venv/bin/convbert-onnx" convert "$work/checkpoints/tf1-plain" -o "$work/checkpoints/converted-plain"
"$work/venv/bin/convbert-onnx" convert "$work/checkpoints/tf1-grouped" -o "$work/checkpoints/converted-grouped"
"$BIN/python" -m pytest tests/models/test_tensorflow.py --tensorflow "$work/checkpoints"
