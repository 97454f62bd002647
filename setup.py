"""Builds the native kernels, where there is a compiler: a library that onnxruntime loads, not a module of Python."""

from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext

NATIVE = Path("runtime/native")


class BuildKernels(build_ext):
    """Names the library for no version of Python."""

    def get_ext_filename(self, fullname: str) -> str:
        return str(Path(*fullname.split(".")).with_suffix(".so"))


class PlatformWheel(bdist_wheel):
    """Tags the wheel for every Python 3, on this platform where it holds the library."""

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
        "-ffp-contract=fast",  # a * b + c in one instruction; never -ffast-math, which forgets NaN
        "-fno-math-errno",
        "-fvisibility=hidden",
        "-Wno-psabi",  # about vectors as arguments of functions, all of which are inlined
    ],
    optional=True,
)

setup(ext_modules=[kernels], cmdclass={"build_ext": BuildKernels, "bdist_wheel": PlatformWheel})
