"""Every command and every Python example in README.md and docs/ is run, and gives the output shown there.

Numbers may differ between machines, and with them the spaces that align columns, and so may the instruction set of the
native kernels; everything else may not. `make` commands are run by `make check`.
"""

import doctest
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from golden import CHECKPOINTS, TASKS, Exported

from convbert_onnx import ConvBertOnnxPipeline
from convbert_onnx.cli import main
from convbert_onnx.tasks import task_by_name

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
TEXTS = [
    *PAGES,
    *(ROOT / "docs" / "api").glob("*.md"),
    *(ROOT / f"{name}.md" for name in ("CHANGELOG", "CONTRIBUTING", "SECURITY")),
]
BLOCK = re.compile(r"^```(console|pycon)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"-?\d+(,\d{3})*(\.\d+)?(e[+-]?\d+)?")
ISA = re.compile(r"(?<=native, )\w+")


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder like a clone that contains an exported model."""
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


ROW = re.compile(r"^\| ([\w ,-]+) \| `(--task \w+)` \| `(pipe.+?)` \| `(.+)` \|$", re.MULTILINE)
ROWS = ROW.findall((ROOT / "docs" / "pipelines.md").read_text(encoding="utf-8"))


def test_table_of_pipelines_has_every_task() -> None:
    tasks = [task_by_name(option.split()[1]).name for _, option, _, _ in ROWS]
    assert sorted(tasks) == sorted([*TASKS, "text-classification"])


@pytest.mark.parametrize(("title", "option", "call", "gives"), ROWS, ids=[row[0] for row in ROWS])
def test_row_of_the_table_shows_what_the_call_gives(
    title: str, option: str, call: str, gives: str, workspace: Path
) -> None:
    task = task_by_name(option.split()[1]).name
    architecture = "cased" if title.startswith("zero-shot") else "plain"
    tokenizer = CHECKPOINTS / f"{architecture}-question-answering"
    command = ["export", "--model", str(CHECKPOINTS / f"{architecture}-{task}"), *option.split()]
    exported = CliRunner().invoke(main, [*command, "--tokenizer", str(tokenizer)])
    assert exported.exit_code == 0, exported.output
    second = "zero-shot-classification" if title.startswith("zero-shot") else None
    pipe = ConvBertOnnxPipeline("model.onnx", second)
    result = repr(eval(call, {"pipe": pipe}))
    assert doctest.OutputChecker().check_output(f"{gives}\n", f"{result}\n", doctest.ELLIPSIS), result


def commands(block: str) -> list[tuple[str, str]]:
    """The commands of a console block, each with the output below it."""
    parts = re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
    return [(command, output) for command, _, output in (part.partition("\n") for part in parts)]


def outputs_match(actual: str, expected: str) -> bool:
    """Whether outputs are equal except numbers, instruction set and column widths; a final ... allows more lines."""
    actual, expected = (re.sub(r" +", " ", NUMBER.sub("#", ISA.sub("#", text))).strip() for text in (actual, expected))
    return actual.startswith(expected.removesuffix("...")) if expected.endswith("\n...") else actual == expected


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_shows_the_output_of_its_commands(page: Path, workspace: Path, exported: Exported) -> None:
    shutil.copy(exported(), workspace / "model.onnx")
    for task in TASKS if page.name in ("evaluation.md", "pipelines.md") else ():
        shutil.copy(exported(task=task), workspace / f"{task}.onnx")
    shutil.copy(exported("cased", task="text-classification"), workspace / "entailment.onnx")
    names: dict[str, object] = {}
    for kind, block in BLOCK.findall(page.read_text(encoding="utf-8")):
        if kind == "pycon":
            test = doctest.DocTestParser().get_doctest(block, names, page.name, str(page), 0)
            report: list[str] = []
            doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=report.append, clear_globs=False)
            names |= test.globs
            assert not report, "".join(report)
            continue
        for command, expected in commands(block):
            if not command.startswith("make "):
                result = subprocess.run(command, shell=True, cwd=workspace, capture_output=True, text=True)
                output = result.stderr + result.stdout
                assert outputs_match(output, expected), f"$ {command}\n{output}"


def test_make_commands_of_pages_are_run_by_make_check() -> None:
    mentioned = set(re.findall(r"^\$ make (\w+)$", "\n".join(page.read_text() for page in PAGES), re.MULTILINE))
    (checks,) = re.findall(r"^CHECKS := (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert "demo" in mentioned
    assert mentioned <= set(checks.split())
    assert "make check" in (ROOT / ".ci" / "run").read_text().splitlines()


def test_outputs_match_detects_differences() -> None:
    assert outputs_match("a 1.5e-06 b\n", "a 2.25 b")
    assert outputs_match("first\nsecond\n", "first\n...")
    assert outputs_match("times  9.50  1,024\n", "times    10    99")
    assert not outputs_match("a 1 c", "a 1 b")
    assert not outputs_match("first\nsecond\n", "first")
    assert not outputs_match("second\n", "first\n...")


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.name)
def test_links_lead_to_files_and_headings(page: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!http)([^)#]*)(?:#([^)]+))?\)", page.read_text(encoding="utf-8")):
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), target
        assert not anchor or anchor in anchors(path), f"{target}#{anchor}"


SELECTIONS = [
    (paths.split(), word)
    for page in TEXTS
    for paths, word in re.findall(r"pytest ((?:tests/[\w/.]+ ?)+)(?:-k (\w+))?`", page.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize(("paths", "word"), SELECTIONS, ids=lambda value: str(value))
def test_pytest_commands_of_pages_select_tests(paths: list[str], word: str) -> None:
    files = [file for path in paths for file in [ROOT / path, *(ROOT / path).rglob("test_*.py")] if file.is_file()]
    names = re.findall(r"def (test_\w+)", "\n".join(file.read_text(encoding="utf-8") for file in files))
    assert all((ROOT / path).exists() for path in paths)
    assert any(word in name for name in names)
