"""Regression tests: every input of the corpus is run."""

import importlib.util
from pathlib import Path

import pytest
from golden import TASKS, Exported

from .runner import fuzz
from .targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"
NEEDS = {"h5": ("torch", "h5py")}


@pytest.fixture(scope="module")
def bundles(exported: Exported, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The models that corpus inputs refer to, with the names used by seed_models.py."""
    folder = tmp_path_factory.mktemp("bundles")
    for task in TASKS:
        (folder / f"{task}-cpu-fp32.onnx").symlink_to(exported(task=task))
    (folder / "question-answering-portable-fp32.onnx").symlink_to(exported(target="portable"))
    return folder


def test_every_target_has_corpus_inputs() -> None:
    assert sorted(path.name for path in CORPUS.iterdir() if path.is_dir()) == sorted(TARGETS)
    assert sum(path.stat().st_size for path in CORPUS.rglob("*")) < 2**20


@pytest.mark.parametrize("target", TARGETS)
def test_corpus_shows_no_fault(target: str, bundles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if missing := [name for name in NEEDS.get(target, ()) if importlib.util.find_spec(name) is None]:
        pytest.skip(f"{', '.join(missing)} is not installed")
    monkeypatch.setenv("FUZZ_BUNDLES", str(bundles))
    inputs = tuple(sorted((CORPUS / target).iterdir()))
    report = fuzz(target, tmp_path, seconds=300, cpu_seconds=5, replay=inputs)  # CPU time includes loading libraries
    texts = "\n".join(path.read_text() for path in tmp_path.glob("*.txt"))
    assert report.executions == len(inputs)
    assert not report.findings, texts
