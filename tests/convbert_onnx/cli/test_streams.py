import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any

import pytest
from command_line import invoke, shell
from golden import Exported

ASK = ("--question", "Where?", "--context", "→ 日本")
QUESTION = {"question": "Where?", "context": "It falls on the Amazon."}


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    path = tmp_path / "questions.jsonl"
    path.write_text("".join(json.dumps({"id": number, **QUESTION}) + "\n" for number in range(100)))
    return path


@pytest.fixture
def japanese(exported: Exported, tmp_path: Path) -> Path:
    """A model with labels that few code pages have."""
    path = tmp_path / "labels.onnx"
    content = exported(task="text-classification").read_bytes()
    for old, new in (("negative", "ネ12345"), ("neutral", "görü1"), ("positive", "日本12")):
        assert len(old) == len(new.encode())
        content = content.replace(old.encode(), new.encode())
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("charset", ["cp1252", "ascii", "utf-8"])
def test_text_prints_in_any_code_page_and_json_in_utf_8(exported: Exported, japanese: Path, charset: str) -> None:
    model = exported()
    (japanese.parent / "data.jsonl").write_text('{"text": "a", "label": 0}\n' * 2)
    for command in (
        ("run", model, *ASK),
        ("run", japanese, "--inputs", "It falls.", "-p", "top_k=3"),
        ("inspect", japanese),
        ("bench", japanese, "--repeats", 1, "--shape", "1x8"),
        ("eval", japanese, "--data", japanese.parent / "data.jsonl"),
    ):
        result = invoke(*command, charset=charset)
        assert result.exit_code == 0, result.output
    # Where a stream is said to be ASCII, click writes UTF-8.
    text = invoke("inspect", japanese, charset=charset).stdout_bytes.decode(charset.replace("ascii", "utf-8"))
    assert ("\\u65e5\\u672c12" if charset == "cp1252" else "日本12") in text
    for result in (
        invoke("inspect", japanese, "--json", charset=charset),
        invoke("run", japanese, "--inputs", "It falls.", "-p", "top_k=3", "--json", charset=charset),
    ):
        assert "日本12" in result.stdout_bytes.decode("utf-8")
    result = invoke("run", "日本.onnx", *ASK, charset=charset)
    assert result.exit_code == 1
    assert result.stderr_bytes.startswith(b"Error: ")
    assert invoke("run", model, "--help", charset=charset).exit_code == 0


def test_arguments_are_read_as_utf_8_in_any_locale(exported: Exported) -> None:
    command = '$RUN run "$1" --question "Où?" --context "→ 日本" --json'
    answers = [
        shell(command, exported(), env={"LC_ALL": locale, "PYTHONUTF8": "0", "PYTHONIOENCODING": encoding})
        for locale, encoding in (("C.UTF-8", ""), ("C", ""), ("C", "cp1252"))
    ]
    assert [json.loads(answer.stdout.decode()) for answer in answers] == [json.loads(answers[0].stdout.decode())] * 3
    wrong = shell(r"""$RUN run "$1" --question $'O\xf9?' --context x""", exported())
    assert wrong.returncode == 2
    assert b"is not UTF-8: pass text in UTF-8" in wrong.stderr
    assert b"Traceback" not in wrong.stderr


def test_output_goes_to_pipes_devices_and_links(exported: Exported, questions: Path, tmp_path: Path) -> None:
    begin = '$RUN run "$1" --threads 1'
    run = f"{begin} --input $2"
    expected = invoke("run", exported(), "--input", questions, "--threads", 1).stdout_bytes
    assert expected.count(b"\n") == 100
    file, link, fifo = tmp_path / "file", tmp_path / "link", tmp_path / "fifo"
    os.mkfifo(fifo)
    link.symlink_to("file")
    for script in (
        f"{run} --output /dev/stdout | cat",
        f"{run} --output /dev/fd/3 3>$3; cat $3",
        f"{run} --output >(cat > $3; touch $3.end); while [ ! -e $3.end ]; do sleep 0.02; done; cat $3",
        f"cat {fifo} > $3 & {run} --output {fifo}; wait; cat $3",
        f"cat $2 | {begin} --input -",
        f"{begin} --input <(cat $2)",
        f"{begin} --input /dev/stdin < $2",
        f"{run} --output {link}; cat $3; [ -L {link} ] || echo not a link",
    ):
        done = shell(script, exported(), questions, file)
        assert (done.stdout, done.stderr) == (expected, b""), script
    done = shell(f"echo first > $3; {run} --output /dev/stdout >> $3; cat $3", exported(), questions, file)
    assert done.stdout == b"first\n" + expected
    assert sorted(path.name for path in tmp_path.iterdir() if ".partial" in path.name) == []


@pytest.mark.parametrize(
    ("script", "code", "message"),
    [
        ('$RUN run "$1" --input "$2" | head -n 1 > /dev/null; exit ${PIPESTATUS[0]}', 1, b""),
        ('$RUN run "$1" --input "$2" > /dev/full', 1, b"Error: [Errno 28] No space left on device\n"),
        ('$RUN run "$1" --input "$2" >&-', 1, b"Error: standard output is closed\n"),
        ('$RUN inspect "$1" > /dev/full', 1, b"Error: [Errno 28] No space left on device\n"),
        ('$RUN inspect "$1" >&-', 1, b"Error: standard output is closed\n"),
        ('$RUN run "$1" --input "$2" --output "$2.out" 2>&-; rm "$2.out"', 0, b""),
        ("$RUN inspect missing 2>&-", 1, b""),
        ('$RUN run "$1" --input - <&-', 1, b"Error: standard input is closed: name a file\n"),
        ('$RUN run "$1" --input "$2" --output /dev/fd/77', 1, b"Error: /dev/fd/77 is closed: name a file\n"),
        (
            '$RUN run "$1" --input "$2" --output /proc/answers',
            1,
            b"Error: No such file or directory: /proc/answers.partial\n",
        ),
    ],
)
def test_unwritable_output_is_reported_in_one_line(
    exported: Exported, questions: Path, script: str, code: int, message: bytes
) -> None:
    with questions.open("ab") as file:
        file.write(questions.read_bytes() * 10)  # more than a pipe holds
    done = shell(script, exported(), questions)
    assert (done.returncode, done.stderr, done.stdout) == (code, message, b"")


def test_each_input_line_is_answered_at_once(exported: Exported) -> None:
    command = [sys.executable, "-m", "convbert_onnx", "run", str(exported()), "--input", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        watchdog = threading.Timer(120, process.kill)  # else a line that is not answered would be waited for
        watchdog.start()
        assert process.stdin is not None
        assert process.stdout is not None
        for number in range(5):
            _send(process.stdin, {"id": number, **QUESTION})
            assert json.loads(process.stdout.readline())["id"] == number
        _send(process.stdin, *({"id": number, **QUESTION} for number in range(300)))
        assert [json.loads(process.stdout.readline())["id"] for _ in range(300)] == list(range(300))
        output, errors = process.communicate()
        watchdog.cancel()
    assert (process.returncode, output, errors) == (0, b"", b"")


def _send(pipe: IO[bytes], *lines: Any) -> None:
    pipe.write(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
    pipe.flush()
