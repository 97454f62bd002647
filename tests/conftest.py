"""Options and fixtures of all tests: versions in the header, and models exported from the toy checkpoints."""

import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import get_args

import pytest
from golden import Exported, bundle_name

from convbert_onnx.bundle import Cpu
from convbert_onnx.runtime.sessions.cpu import cpu_of_this_machine
from convbert_onnx.runtime.sessions.kernels import LIBRARY

# Appended, for the benchmarks, which are not part of the installed package.
sys.path.append(str(Path(__file__).parents[1]))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--bundles", type=Path, help="folder that tests/support/export_bundles.py wrote, for machines without torch"
    )
    parser.addoption("--cpu", choices=get_args(Cpu), help="kind of CPU for int8 files; by default this machine's")
    parser.addoption("--tensorflow", type=Path, help="folder of checkpoints that tests/with_tensorflow wrote")


def pytest_report_header() -> str:
    versions = []
    for package in ("numpy", "onnxruntime", "tokenizers", "torch", "onnx", "transformers", "optimum-onnx"):
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            versions.append(f"no {package}")
    versions.append("native kernels" if LIBRARY.is_file() else "no native kernels")
    return ", ".join(versions)


@pytest.fixture
def cpu(request: pytest.FixtureRequest) -> Cpu:
    """The kind of CPU for which tests write int8 files."""
    option: Cpu | None = request.config.getoption("--cpu")
    return option or cpu_of_this_machine()


@pytest.fixture(scope="session")
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """A function of architecture, target, padding and task that returns an exported model."""
    folder: Path | None = request.config.getoption("--bundles")
    if folder is not None:
        folder = request.config.invocation_params.dir / folder  # tests may change the working directory
    own = tmp_path_factory.mktemp("bundles")

    def export(
        architecture: str = "plain", target: str = "cpu", padding: str = "masked", task: str = "question-answering"
    ) -> Path:
        name = bundle_name(architecture, task, target, padding)
        if folder is not None:
            return folder / name
        if not (own / name).exists():
            from export_bundles import export_bundle

            export_bundle(own / name, architecture, task, target, padding)
        return own / name

    return export


@pytest.fixture(scope="session")
def operator_files(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of operator files, named by :func:`operator_formulas.operator_file_name`."""
    folder: Path | None = request.config.getoption("--bundles")
    if folder is not None:
        return request.config.invocation_params.dir / folder / "operators"
    from operator_files import write_operator_files

    own = tmp_path_factory.mktemp("operators")
    write_operator_files(own)
    return own
