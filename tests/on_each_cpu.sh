#!/usr/bin/env bash
# Run the tests that depend on the CPU with the native kernels of each instruction set that this machine supports, and
# with int8 files for each kind of CPU. Environment variables: BIN is the environment, BUNDLES is the folder written by
# tests/support/export_bundles.py.
set -euo pipefail
cd "$(dirname "$0")/.."

run() {
    "$BIN/pytest" -n auto -q -m cpu tests/runtime tests/exporters --bundles "$BUNDLES" "$@"
}

for isa in $("$BIN/python" -c "from convbert_onnx.runtime.sessions.kernels import available_isas; print(*available_isas())"); do
    echo "native kernels for $isa:"
    CONVBERT_ONNX_ISA=$isa run
done
for cpu in vnni avx2 arm64; do
    echo "int8 files for $cpu:"
    run --cpu "$cpu"
done
if command -v qemu-x86_64 >/dev/null; then
    echo "an emulated CPU without VNNI:"
    "$BIN/python" tests/support/compare_emulated_cpu.py qemu-x86_64 -cpu Haswell
fi
