"""Public names of the package, and what importing it loads."""

import importlib
import pkgutil
import subprocess
import sys
from collections.abc import Iterator

import pytest

import convbert_onnx


def test_all_lists_the_public_names_of_the_root_package() -> None:
    assert convbert_onnx.__all__ == sorted(convbert_onnx.__all__)
    for name in convbert_onnx.__all__:
        assert getattr(convbert_onnx, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Bert'"):
        convbert_onnx.Bert  # noqa: B018


def light_modules(package: str) -> Iterator[str]:
    """The modules of a package and its subpackages, except those that need torch."""
    for info in pkgutil.iter_modules(importlib.import_module(package).__path__, f"{package}."):
        if info.name.rpartition(".")[2] in ("__main__", "exporters", "models"):
            continue
        yield info.name
        if info.ispkg:
            yield from light_modules(info.name)


def test_every_module_has_a_correct_all() -> None:
    for name in light_modules("convbert_onnx"):
        module = importlib.import_module(name)
        assert all(hasattr(module, public) for public in getattr(module, "__all__", ())), name
        assert hasattr(module, "__all__") or hasattr(module, "__path__"), name


def test_importing_the_package_and_cli_imports_no_heavy_packages() -> None:
    code = (
        "import sys, convbert_onnx, convbert_onnx.cli\n"
        "heavy = {'numpy', 'onnxruntime', 'tokenizers', 'torch', 'onnx', 'transformers'} & sys.modules.keys()\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
