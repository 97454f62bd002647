"""Build the native kernels, if there is a compiler: a library that onnxruntime loads, not a Python extension module."""

import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext

NATIVE = Path("runtime/native")


class BuildKernels(build_ext):
    """Build a library whose name does not depend on the Python version."""

    def get_ext_filename(self, fullname: str) -> str:
        return str(Path(*fullname.split(".")).with_suffix(".so"))


class PlatformWheel(bdist_wheel):
    """Tag the wheel for every Python 3; for this platform only if it contains the library."""

    def get_tag(self) -> tuple[str, str, str]:
        library = Path(self.get_finalized_command("build_ext").get_ext_fullpath(kernels.name))
        return "py3", "none", super().get_tag()[2] if library.exists() else "any"


kernels = Extension(
    "convbert_onnx.runtime.native.kernels",
    sources=sorted(map(str, NATIVE.glob("*.c"))),
    depends=sorted(map(str, [*NATIVE.glob("*.h"), *NATIVE.glob("*.inc")])),
    extra_compile_args=[
        "-std=gnu11",
        "-O3",
        "-g0",
        "-ffp-contract=fast",  # fused multiply-add; not -ffast-math, which ignores NaN
        "-fno-math-errno",
        "-fvisibility=hidden",
        "-Wno-psabi",  # about vector arguments of functions, which are all inlined
    ],
    optional=True,
)

# The kernels use vector extensions of gcc and clang, which Microsoft's compiler lacks.
modules = [] if sys.platform == "win32" else [kernels]

setup(ext_modules=modules, cmdclass={"build_ext": BuildKernels, "bdist_wheel": PlatformWheel})
