#!/usr/bin/env bash
# Test the native kernels without onnxruntime: with sanitizers, with AVX-512 vectors emulated by AVX2, with clang, and as
# NEON code for 64-bit ARM. The last two need clang, and aarch64-linux-gnu-gcc with qemu-aarch64
# (Debian: clang gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user).
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
flags=(-std=gnu11 -O2 -g -ffp-contract=fast -fno-math-errno -Wall -Wextra -Werror -Wno-psabi -Iruntime/native)
sources=(tests/native/drive.c runtime/native/*.c)
sanitizers=(-fsanitize=address,undefined -fno-sanitize-recover=all)

drive() {
    echo "$1:"
    "${@:2}" "${flags[@]}" "${sources[@]}" -o "$work/drive" -lm
    ${emulator:-} "$work/drive"
}

drive "sanitizers" gcc "${sanitizers[@]}"
if drive "wrong results on purpose" gcc -DWRONG=0.001 >"$work/wrong"; then
    echo "the comparisons do not detect wrong results"
    exit 1
fi
drive "AVX-512 vectors emulated by AVX2" gcc -DEMULATE_AVX512
if command -v clang >/dev/null; then
    drive "clang" clang
fi
if command -v aarch64-linux-gnu-gcc >/dev/null && command -v qemu-aarch64 >/dev/null; then
    emulator=qemu-aarch64 drive "64-bit ARM" aarch64-linux-gnu-gcc -static
fi
