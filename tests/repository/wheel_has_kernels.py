"""Fail unless each wheel in a directory holds the native kernels: wheel_has_kernels.py DIRECTORY [--without].

With --without, fail if one does.
"""

import sys
from pathlib import Path
from zipfile import ZipFile

KERNELS = "convbert_onnx/runtime/native/kernels.so"


def main(directory: str, *options: str) -> None:
    """Check the wheels, and their tags: those without kernels are for any platform."""
    wheels = sorted(Path(directory).glob("*.whl"))
    if not wheels:
        sys.exit(f"{directory} holds no wheel")
    expected = "--without" not in options
    for wheel in wheels:
        with ZipFile(wheel) as archive:
            has_kernels = KERNELS in archive.namelist()
        if has_kernels != expected or wheel.stem.endswith("-any") == has_kernels:
            sys.exit(f"{wheel.name}: {'has' if has_kernels else 'lacks'} {KERNELS}")


if __name__ == "__main__":
    main(*sys.argv[1:])
