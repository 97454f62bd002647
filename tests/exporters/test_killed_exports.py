"""Killed exports leave one folder next to the output, which the next export clears."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from golden import CHECKPOINTS, Exported

from convbert_onnx.errors import OutputError
from convbert_onnx.exporters import quantize
from convbert_onnx.files import replacing

PLAIN = CHECKPOINTS / "plain-question-answering"


def kill_at(stage: Path, number: signal.Signals, temporary: Path, *arguments: object) -> int:
    """Run a command, and send it a signal when a file is there; gives its exit code."""
    command = [sys.executable, "-m", "convbert_onnx", *map(str, arguments)]
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        while process.poll() is None and not stage.exists():
            time.sleep(0.002)
        process.send_signal(number)
        assert process.communicate() == (b"", b"")
    return process.returncode


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_killed_export_leaves_one_folder_that_the_next_one_clears(exported: Exported, tmp_path: Path) -> None:
    output, temporary = tmp_path / "out" / "model.onnx", tmp_path / "tmp"
    temporary.mkdir()
    work = output.with_name("model.onnx.partial")
    # While the int8 file is written, its fp32 original exists too.
    stage = work / "model.onnx.partial" / "model.onnx"
    export = ("export", "--model", PLAIN, "--precision", "int8", "-o", output)
    assert kill_at(stage, signal.SIGKILL, temporary, *export) == -signal.SIGKILL
    assert list(output.parent.iterdir()) == [work]
    assert sorted(path.name for path in work.iterdir()) == [".lock", "fp32", "model.onnx.partial"]
    stage = work / "model.onnx"
    assert kill_at(stage, signal.SIGKILL, temporary, "quantize", exported(), "-o", output) == -signal.SIGKILL
    assert list(output.parent.iterdir()) == [work]
    assert sorted(path.name for path in work.iterdir()) == [".lock", "model.onnx"]
    assert list(temporary.rglob("*.onnx*")) == []
    quantize(exported(), output)
    assert list(output.parent.iterdir()) == [output]


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_terminated_export_leaves_nothing(exported: Exported, tmp_path: Path) -> None:
    output = tmp_path / "new" / "model.onnx"
    stage = output.with_name("model.onnx.partial") / "model.onnx"
    assert kill_at(stage, signal.SIGTERM, tmp_path, "quantize", exported(), "-o", output) == 143
    assert list(tmp_path.rglob("*.onnx*")) == []
    assert not output.parent.exists()


def test_an_output_that_another_process_writes_is_refused(exported: Exported, tmp_path: Path) -> None:
    output = tmp_path / "int8.onnx"
    with replacing(output) as path:
        with pytest.raises(OutputError, match=r"int8\.onnx is being written by another process"):
            quantize(exported(), output)
        path.write_text("whole")
    assert output.read_text() == "whole"
