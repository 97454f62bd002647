"""Interleaved runs, with workers that answer at once."""

import pytest

from benchmarks import interleaved
from benchmarks.interleaved import BackendError, error_line, run_interleaved


class FakeWorker:
    def __init__(self, name: str, calls: list[str], fails_at: int = -1) -> None:
        self.name, self.calls, self.fails_at = name, calls, fails_at

    def run(self, batch: int, length: int) -> float:
        if self.calls.count(self.name) == self.fails_at:
            raise BackendError("out of memory")
        self.calls.append(self.name)
        return float(self.calls.count(self.name))


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interleaved, "_REST_S", 0)


def test_backends_run_in_turn_and_warm_up_runs_are_not_counted() -> None:
    calls: list[str] = []
    workers = {name: FakeWorker(name, calls) for name in ("a", "b")}
    times, failures = run_interleaved(workers, 1, 16, repeats=3, patience_s=60)  # type: ignore[arg-type]
    assert calls == ["a", "b"] * 5
    assert times == {"a": [3.0, 4.0, 5.0], "b": [3.0, 4.0, 5.0]}
    assert failures == {}


def test_backend_that_fails_is_removed_with_its_reason() -> None:
    calls: list[str] = []
    workers = {"a": FakeWorker("a", calls, fails_at=3), "b": FakeWorker("b", calls)}
    times, failures = run_interleaved(workers, 2, 16, repeats=4, patience_s=60)  # type: ignore[arg-type]
    assert failures == {"a": "2x16: out of memory"}
    assert workers.keys() == times.keys() == {"b"}
    assert len(times["b"]) == 4


def test_five_timed_runs_are_enough_when_patience_ends() -> None:
    times, _ = run_interleaved({"a": FakeWorker("a", [])}, 1, 16, repeats=50, patience_s=0)  # type: ignore[dict-item]
    assert len(times["a"]) == 5


def test_error_line_is_the_last_line_of_a_traceback() -> None:
    assert error_line("Traceback ...\n  File\nValueError: wrong shape\n\n") == "ValueError: wrong shape"
    assert "out of memory" in error_line("")
