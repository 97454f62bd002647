#!/usr/bin/env bash
# Build the wheel, install it into new environments without torch, onnx and transformers, and run the tests of
# convbert_onnx/ and runtime/ there: once with the newest onnxruntime, once with the oldest supported one.
# Environment variables: PYTHON creates the environments, BIN is the full environment, BUNDLES is the folder written by
# tests/support/export_bundles.py.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rm -rf build/lib*  # setuptools would put modules that were moved or deleted since into the wheel
"$BIN/pip" wheel --quiet --no-deps --wheel-dir "$work/dist" .
# Outside the repository, so that only the wheel can be imported.
cp -r tests pyproject.toml "$work"

run() {
    "$PYTHON" -m venv "$work/$1"
    "$work/$1/bin/pip" install --quiet --disable-pip-version-check "$(echo "$work"/dist/*.whl)[cpu]" "${@:2}"
    (cd "$work" && "$work/$1/bin/python" -m pytest -n auto -p no:cacheprovider tests/convbert_onnx tests/runtime --bundles "$BUNDLES")
}

run newest -c constraints.txt pytest pytest-xdist hypothesis
run oldest -c tests/oldest.txt pytest pytest-xdist hypothesis
