"""Detection of each kind of fault, and the inputs saved for it."""

from pathlib import Path

import pytest

from .runner import fuzz

FAULTY = "tests.fuzz.faulty_targets"


@pytest.mark.parametrize(
    ("name", "kind", "text"),
    [
        ("EXCEPTION", "exception", "KeyError: 'injected'"),
        ("OS_ERROR", "exception", "not from a file system"),
        ("PANIC", "exception", "as extensions in Rust do"),
        ("MEMORY", "memory", "300 MB"),
        ("TERABYTE", "exception", "MemoryError"),
        ("SLOW", "slow", "s of CPU time"),
        ("ABORT", "crash", "exit status -6"),
        ("EXIT", "crash", "exit status 3"),
        ("HANG", "hang", "in _wait"),
    ],
)
def test_fault_is_detected_and_its_input_saved(name: str, kind: str, text: str, tmp_path: Path) -> None:
    hang, cpu = (2.0 if name == "HANG" else 60.0), (0.25 if name == "SLOW" else 60.0)
    faulty = f"{FAULTY}:{name}"
    report = fuzz(faulty, tmp_path, seconds=60, executions=3, hang_seconds=hang, cpu_seconds=cpu)
    assert report.executions == 3
    saved = [finding for finding in report.findings if finding.startswith(kind)]
    assert len(saved) == 1, report
    assert (tmp_path / saved[0]).read_bytes().startswith(b"!")
    assert text in (tmp_path / f"{saved[0]}.txt").read_text()


def test_correct_target_shows_no_fault(tmp_path: Path) -> None:
    report = fuzz(f"{FAULTY}:HARMLESS", tmp_path, seconds=60, executions=200)
    assert (report.executions, report.findings) == (200, ())


def test_saved_input_reproduces_its_fault(tmp_path: Path) -> None:
    inputs = [tmp_path / name for name in ("first", "second", "third", "fourth")]
    for path, data in zip(inputs, (b"a", b"!a", b"b", b"!b"), strict=True):
        path.write_bytes(data)
    report = fuzz(f"{FAULTY}:ABORT", tmp_path / "findings", seconds=60, replay=tuple(inputs))
    assert report.executions == 4
    assert {path.read_bytes() for path in (tmp_path / "findings").glob("crash-*[!t]")} <= {b"!a", b"!b"}


def test_same_seed_gives_the_same_inputs(tmp_path: Path) -> None:
    texts = []
    for name in ("first", "second"):
        fuzz(f"{FAULTY}:EXCEPTION", tmp_path / name, seconds=60, executions=20, seed=7)
        texts.append([path.read_bytes() for path in (tmp_path / name).glob("exception-*[!t]")])
    assert texts[0] == texts[1] != []
