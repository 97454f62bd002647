"""Errors for weights files that cannot be parsed."""

from pathlib import Path

import pytest

from convbert_onnx.models.unreadable import one_line, unreadable


def test_error_has_the_path_the_reason_and_the_remedy() -> None:
    message = str(unreadable(Path("a.bin"), ValueError("bad\n  magic number")))
    assert message == "a.bin cannot be read as weights (bad magic number): copy or save it again"


def test_error_without_a_message_names_its_type() -> None:
    assert "(EOFError)" in str(unreadable(Path("a.bin"), EOFError()))


@pytest.mark.parametrize("text", ["x" * 10**6, "two words " * 10**5])
def test_long_messages_are_truncated(text: str) -> None:
    assert len(one_line(text)) == 203
    assert one_line(text).endswith("...")
