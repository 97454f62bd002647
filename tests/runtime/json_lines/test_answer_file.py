"""Runs over a file that are interrupted and resumed give the same bytes as uninterrupted ones."""

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from golden import Exported, pipeline_cases

from convbert_onnx import ConvBertOnnxPipeline
from convbert_onnx.errors import InputError, OutputError
from convbert_onnx.files import partial_folder
from convbert_onnx.runtime.json_lines.answer_file import AnswerCounts, answer_file

CASES = pipeline_cases("plain", "question-answering")
BAD = [b"{\n", b"[1]\n", b'{"question": "", "context": "x"}\n']


def questions(count: int) -> bytes:
    """Lines of different lengths, some of them invalid."""
    lines = []
    for number in range(count):
        call = {"id": number, "question": CASES[number % 5]["inputs"]["question"], "context": f"It falls {number}."}
        lines.append(BAD[number % 3] if number % 10 == 7 else json.dumps(call).encode() + b"\n")
    return b"".join(lines)


@pytest.fixture(scope="module")
def pipe(exported: Exported) -> ConvBertOnnxPipeline:
    return ConvBertOnnxPipeline(exported(), threads=1)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "questions.jsonl").write_bytes(questions(400))
    return tmp_path / "in" / "questions.jsonl"


class StopError(Exception):
    """Stops a run from its progress callback."""


def stop_after(lines: int) -> Callable[[AnswerCounts], None]:
    def progress(answered: AnswerCounts) -> None:
        if answered.lines >= lines:
            raise StopError

    return progress


def answer(pipe: ConvBertOnnxPipeline, source: Path, output: Path, **options: Any) -> AnswerCounts:
    with source.open("rb") as lines:
        return answer_file(pipe, lines, output, **options)


@pytest.fixture
def straight(pipe: ConvBertOnnxPipeline, source: Path) -> bytes:
    path = source.with_name("straight.jsonl")
    answered = answer(pipe, source, path)
    assert answered == AnswerCounts(400, source.stat().st_size, 400, 40)
    return path.read_bytes()


@pytest.fixture
def output(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "answers.jsonl"


def interrupted(pipe: ConvBertOnnxPipeline, source: Path, output: Path, lines: int = 128) -> Path:
    """Interrupt a run after some lines, and return its partial output."""
    with pytest.raises(StopError):
        answer(pipe, source, output, resume=True, progress=stop_after(lines))
    assert not output.exists()
    return partial_folder(output) / output.name


def test_resumed_run_gives_the_same_bytes(
    pipe: ConvBertOnnxPipeline, source: Path, straight: bytes, output: Path
) -> None:
    for lines in (64, 192, 256):
        path = interrupted(pipe, source, output, lines)
        assert straight.startswith(path.read_bytes())
        assert path.read_bytes().count(b"\n") == lines
    calls: list[AnswerCounts] = []
    answered = answer(pipe, source, output, resume=True, progress=calls.append)
    assert [one.lines for one in calls] == [256, 320, 384, 400]
    assert answered == calls[-1] == AnswerCounts(400, source.stat().st_size, 400, 40)
    assert output.read_bytes() == straight
    assert list(output.parent.iterdir()) == [output]


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-20]),
        lambda path: path.write_bytes(path.read_bytes()[:10]),
        lambda path: path.write_bytes(path.read_bytes() + b'{"id": 12'),
        lambda path: path.write_bytes(path.read_bytes()[:-50] + bytes(50)),  # as some file systems do after a crash
        lambda path: path.unlink(),
        lambda path: path.with_name(".journal").unlink(),
        lambda path: path.with_name(".journal").write_bytes(path.with_name(".journal").read_bytes()[:-9]),
        lambda path: path.with_name(".journal").write_bytes(path.with_name(".journal").read_bytes() + b"\0\0\0"),
        lambda path: path.with_name(".journal").write_bytes(b""),
    ],
    ids=[
        "truncated",
        "almost empty",
        "half a line",
        "zeros",
        "no output",
        "no journal",
        "truncated journal",
        "zeros in the journal",
        "empty journal",
    ],
)
def test_damaged_partial_output_is_answered_again(
    pipe: ConvBertOnnxPipeline, source: Path, straight: bytes, output: Path, damage: Callable[[Path], None]
) -> None:
    damage(interrupted(pipe, source, output))
    answer(pipe, source, output, resume=True)
    assert output.read_bytes() == straight


def test_resume_refuses_another_input_model_or_parameter(
    pipe: ConvBertOnnxPipeline, exported: Exported, source: Path, output: Path
) -> None:
    path = interrupted(pipe, source, output)
    before = path.read_bytes()
    content = source.read_bytes()
    for other in (content[1:], content[:1000], b"", content.replace(b"falls 70", b"rises 70")):
        source.write_bytes(other)
        with pytest.raises(InputError, match=r"answers\.jsonl\.partial has answers to other lines than those"):
            answer(pipe, source, output, resume=True)
    source.write_bytes(content)
    for other_pipe, message in (
        (ConvBertOnnxPipeline(exported(target="portable")), "answers of another model"),
        (ConvBertOnnxPipeline(exported("cased")), "answers of another model and tokenizer and config"),
        (ConvBertOnnxPipeline(exported(), top_k=2), r"other parameters \(\{\}, not \{\"top_k\": 2\}\)"),
    ):
        with pytest.raises(InputError, match=f"{message}; pass the input, model and parameters that it began"):
            answer(other_pipe, source, output, resume=True)
    assert path.read_bytes() == before
    answer(pipe, source, output)
    assert list(output.parent.iterdir()) == [output]


def test_resume_accepts_an_input_that_has_grown(pipe: ConvBertOnnxPipeline, source: Path, output: Path) -> None:
    interrupted(pipe, source, output)
    with source.open("ab") as file:
        file.write(questions(3))
    assert answer(pipe, source, output, resume=True).lines == 403


def test_without_resume_a_failed_run_leaves_no_files(
    pipe: ConvBertOnnxPipeline, source: Path, straight: bytes, output: Path
) -> None:
    interrupted(pipe, source, output)
    with pytest.raises(StopError):
        answer(pipe, source, output, progress=stop_after(64))
    assert list(output.parent.iterdir()) == []
    answer(pipe, source, output)
    assert output.read_bytes() == straight


@pytest.fixture(autouse=True)
def _interruptible() -> Iterator[None]:
    """Child processes can be interrupted, also where a shell runs the tests in the background and ignores SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def run(model: Path, source: Path, output: Path, *options: str, **popen: Any) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "convbert_onnx", "run", model, "--input", source, "--output", output, *options]
    return subprocess.Popen([*map(str, command), "--threads", "1"], stderr=subprocess.PIPE, text=True, **popen)


def until_written(process: "subprocess.Popen[str]", output: Path) -> None:
    """Wait until the output grows or the process ends."""
    path = partial_folder(output) / output.name
    before = path.stat().st_size if path.exists() else 0
    while process.poll() is None and not (path.exists() and path.stat().st_size > before):
        time.sleep(0.002)


MOMENTS = int(os.environ.get("CONVBERT_ONNX_KILLS", "6"))


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_runs_killed_at_random_moments_can_be_resumed(exported: Exported, tmp_path: Path, output: Path) -> None:
    source = tmp_path / "questions.jsonl"
    source.write_bytes(questions(5000))
    with run(exported(), source, tmp_path / "straight.jsonl") as process:
        assert process.stderr is not None
        assert process.stderr.read() == "500 of 5000 lines failed; their output says why\n"
    straight = (tmp_path / "straight.jsonl").read_bytes()
    draw = random.Random(0)
    killed = 0
    while killed < MOMENTS:
        with run(exported(), source, output, "--resume") as process:
            if draw.random() < 0.8:  # else it is killed while it starts
                until_written(process, output)
            time.sleep(draw.uniform(0, 0.3))
            process.send_signal(draw.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGINT]))
        if output.exists():  # it finished before the signal
            assert output.read_bytes() == straight
            output.unlink()
            continue
        killed += 1
        # 143 and 1 are the exit codes of the command line for SIGTERM and SIGINT.
        assert process.returncode in (-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, 143, 1)
        assert [path.name for path in output.parent.iterdir()] in (["answers.jsonl.partial"], [])
        path = partial_folder(output) / output.name
        assert straight.startswith(path.read_bytes() if path.exists() else b"")
    with run(exported(), source, output, "--resume") as process:
        assert process.stderr is not None
        assert process.stderr.read().endswith("500 of 5000 lines failed; their output says why\n")
    assert output.read_bytes() == straight
    assert [path.name for path in output.parent.iterdir()] == ["answers.jsonl"]


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signal_without_resume_leaves_no_files(
    exported: Exported, tmp_path: Path, output: Path, number: signal.Signals
) -> None:
    source = tmp_path / "questions.jsonl"
    source.write_bytes(questions(20_000))
    with run(exported(), source, output) as process:
        until_written(process, output)
        process.send_signal(number)
        assert process.stderr is not None
        message = process.stderr.read()
    assert process.returncode == {signal.SIGTERM: 143, signal.SIGINT: 1, signal.SIGHUP: 129}[number]
    assert list(output.parent.iterdir()) == []
    assert message == ("Error: interrupted\n" if number == signal.SIGINT else "")


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX resource limits")
def test_full_disk_is_reported_in_one_line_and_the_run_can_be_resumed(
    exported: Exported, source: Path, straight: bytes, output: Path
) -> None:
    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    for options, kept in (((), "nothing is kept"), (("--resume",), "the answers so far are kept: make room")):
        with run(exported(), source, output, *options, preexec_fn=small) as process:
            _, message = process.communicate()
        assert process.returncode == 1
        assert message.startswith(f"Error: {output} cannot be written: File too large; {kept}")
        assert message.count("\n") == 1
        assert partial_folder(output).exists() == bool(options)
    with run(exported(), source, output, "--resume") as process:
        _, message = process.communicate()
    assert message.startswith("continuing after ")
    assert output.read_bytes() == straight


def test_second_writer_of_the_same_output_is_refused(pipe: ConvBertOnnxPipeline, source: Path, output: Path) -> None:
    def progress(answered: AnswerCounts) -> None:
        if answered.lines == 64:
            with pytest.raises(OutputError, match="is being written by another process"):
                answer(pipe, source, output, resume=True)

    answer(pipe, source, output, progress=progress)
    assert output.read_bytes().count(b"\n") == 400
