import json
import subprocess
import sys

import pytest
from command_line import ASK, invoke
from golden import DATA, Exported

from convbert_onnx import runtime
from convbert_onnx.cli import main
from convbert_onnx.cli.group import with_flags


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            RuntimeError("two\nlines"),
            "unexpected RuntimeError: two lines. This is a bug of convbert-onnx: ",
        ),
        (RecursionError("maximum recursion depth exceeded"), "unexpected RecursionError: maximum recursion depth"),
        (UnicodeEncodeError("ascii", "é", 0, 1, "no"), "unexpected UnicodeEncodeError: "),
        (AssertionError(), "unexpected AssertionError: no message. "),
        (EOFError(), "unexpected EOFError: no message. "),
        (MemoryError(), "not enough memory: use smaller inputs"),
        (KeyboardInterrupt(), "interrupted"),
        (PermissionError(13, "Permission denied", "x.onnx"), "Permission denied: x.onnx"),
    ],
)
def test_any_error_becomes_one_line(monkeypatch: pytest.MonkeyPatch, error: BaseException, message: str) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(runtime, "inspect", fail, raising=False)
    result = invoke("inspect", "x.onnx")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {message}")
    assert result.stderr.count("\n") == 1
    assert type(invoke("--debug", "inspect", "x.onnx").exception) in (type(error), SystemExit)


def test_debug_raises_the_error() -> None:
    assert isinstance(invoke("--debug", "inspect", "missing.onnx").exception, FileNotFoundError)


def test_python_m_convbert_onnx_is_the_command(exported: Exported) -> None:
    command = [sys.executable, "-m", "convbert_onnx", "inspect", str(exported()), "--json"]
    assert json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["record"]["task"]


def test_export_without_torch_names_the_extra_to_install() -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from convbert_onnx.cli import main; main(['export', '--model', 'x', '--task', 'qa'])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr == "Error: exporting needs torch: pip install 'convbert-onnx[cpu,export]'\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "missing.onnx", *ASK), "missing.onnx does not exist"),
        (("run", "{model}", "--question", "", "--context", "x"), "`question` cannot be empty"),
        (("run", "{model}", *ASK, "--provider", "cuda"), "convbert-onnx[gpu]"),
        (("run", "{model}", *ASK, "-p", "top_k=no"), "top_k parameter should be a whole number"),
        (("run", "{model}", "--input", "missing.jsonl"), "missing.jsonl"),
        (("run", "{model}", *ASK, "--task", "ner"), "question-answering, not for token-classification"),
        (("inspect", "missing.onnx"), "missing.onnx does not exist"),
        (("bench", "missing.onnx"), "missing.onnx does not exist"),
        (("bench", "{model}", "--shape", "1x2x3"), "batch x length"),
        (("bench", "{model}", "--provider", "cuda"), "convbert-onnx[gpu]"),
        (("eval", "missing.onnx", "--data", "x.json"), "missing.onnx does not exist"),
        (("eval", "{model}", "--data", "missing.json"), "missing.json is not a file"),
        (("eval", "{model}", "--data", str(DATA / "paragraph.txt")), "expected SQuAD's format"),
    ],
)
def test_library_errors_are_one_line_and_exit_code_1(
    exported: Exported, arguments: tuple[str, ...], message: str
) -> None:
    result = invoke(*(str(exported()) if argument == "{model}" else argument for argument in arguments))
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("command", "message", "expected"),
    [
        ("run", "pass native=False or session_options=None", "pass --no-native or session_options=None"),
        ("run", "pass native=True", "pass --native"),
        ("run", "shorten it, or pass truncation=True", "shorten it, or pass -p truncation=true"),
        ("run", "pass top_k=3 at most", "pass -p top_k=3 at most"),
        ("export", 'pass task=..., for example task="qa"', "pass --task, for example --task qa"),
        ("export", "pass auto_mixed=True or a higher max_drop=...", "pass --auto-mixed or a higher --max-drop"),
        ("export", "pass data=..., in SQuAD's format", "pass --eval, in SQuAD's format"),
        ("export", "pass truncation=True, or auto_mixed=False", "pass truncation=True, or auto_mixed=False"),
        ("export", 'precision="fp32", opset=18.', "--precision fp32, --opset 18."),
        ("eval", "file.onnx differs: a == b, x=1", "file.onnx differs: a == b, x=1"),
    ],
)
def test_python_arguments_in_messages_become_flags(command: str, message: str, expected: str) -> None:
    assert with_flags(message, main.commands[command].params) == expected


def test_an_error_names_the_flag_of_the_command(exported: Exported) -> None:
    long_text = "dust " * 400
    result = invoke("run", exported(task="text-classification"), "--inputs", long_text)
    assert result.exit_code == 1
    assert "pass -p truncation=true" in result.stderr
    assert invoke("run", exported(task="text-classification"), "--inputs", long_text, "-p", "truncation=true").stdout
