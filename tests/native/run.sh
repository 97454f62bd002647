#!/usr/bin/env bash
# Drive the native kernels under sanitizers, as 16 lanes of AVX2 instead of AVX-512, with clang, and as NEON code for
# 64-bit ARM: the last two where clang, aarch64-linux-gnu-gcc and qemu-aarch64 are installed
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
if drive "wrong on purpose" gcc -DWRONG=0.001 >"$work/wrong"; then
    echo "comparisons that cannot fail"
    exit 1
fi
drive "AVX-512's vectors in halves" gcc -DEMULATE_AVX512
if command -v clang >/dev/null; then
    drive "clang" clang
fi
if command -v aarch64-linux-gnu-gcc >/dev/null && command -v qemu-aarch64 >/dev/null; then
    emulator=qemu-aarch64 drive "64-bit ARM" aarch64-linux-gnu-gcc -static
fi
