import io
import sys

import pytest

from convbert_onnx.cli.progress import step_bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_bar_names_each_step_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with step_bar() as progress:
        progress("tracing", 1, 3)
        progress("writing the graph", 2, 3)
    assert "tracing" in terminal.getvalue()


def test_nothing_is_written_to_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.StringIO()
    monkeypatch.setattr(sys, "stderr", file)
    with step_bar() as progress:
        progress("tracing", 1, 3)
    assert file.getvalue() == ""
