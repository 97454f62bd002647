"""The journal of an output file: what is kept of an interrupted run."""

import io
import json
from pathlib import Path

import pytest

from convbert_onnx.errors import InputError, OutputError
from convbert_onnx.runtime.json_lines.journal import AnswerCounts, Journal

IDENTITY: dict[str, object] = {"model": "abc", "parameters": {"top_k": 1}}
LINES = [b"%d\n" % number for number in range(150)]
INPUT = b"".join(LINES)


def answer(line: bytes) -> bytes:
    return b"answer " + line


def run(folder: Path, chunks: int | None = None, source: bytes = INPUT, identity: dict[str, object] = IDENTITY) -> int:
    """Answer some chunks, or all; return how many lines were answered before."""
    target = folder / "answers"
    with Journal(target, target, resume=True) as journal:
        journal.open(identity)
        before = journal.answered.lines
        for number, lines in enumerate(journal.unanswered(io.BytesIO(source))):
            if number == chunks:
                break
            counts = AnswerCounts(journal.answered.lines + len(lines))
            journal.add(lines, b"".join(map(answer, lines)), counts)
        return before


def complete(folder: Path) -> bool:
    return (folder / "answers").read_bytes() == b"".join(map(answer, LINES))


def test_journal_continues_after_the_last_chunk(tmp_path: Path) -> None:
    assert run(tmp_path, chunks=1) == 0
    assert run(tmp_path, chunks=1) == 64
    assert run(tmp_path) == 128
    assert run(tmp_path) == 150
    assert complete(tmp_path)


@pytest.mark.parametrize(("kept", "lines"), [(-1, 64), (900, 64), (600, 0), (0, 0)])
def test_journal_cuts_a_truncated_output_after_a_complete_chunk(tmp_path: Path, kept: int, lines: int) -> None:
    run(tmp_path, chunks=2)
    output = tmp_path / "answers"
    output.write_bytes(output.read_bytes()[:kept])
    assert run(tmp_path) == lines
    assert complete(tmp_path)


@pytest.mark.parametrize("damage", [b"", b'{"answered"', b"[]\n", b"\0" * 20])
def test_damaged_journal_entries_end_the_journal(tmp_path: Path, damage: bytes) -> None:
    run(tmp_path, chunks=2)
    journal = tmp_path / ".journal"
    first, second, _ = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(first + second + damage)
    assert run(tmp_path) == 64
    assert complete(tmp_path)


def test_journal_records_counts_and_hashes(tmp_path: Path) -> None:
    run(tmp_path, chunks=1)
    identity, entry = map(json.loads, (tmp_path / ".journal").read_bytes().splitlines())
    assert identity == IDENTITY
    assert entry.keys() == {"answered", "input", "output", "output_bytes"}
    assert entry["answered"] == {"lines": 64, "bytes": 0, "results": 0, "failed": 0}
    assert entry["output_bytes"] == (tmp_path / "answers").stat().st_size


@pytest.mark.parametrize(
    ("identity", "message"),
    [
        ({"model": "x", "parameters": {"top_k": 1}}, "has answers of another model; pass the input"),
        ({"model": "x", "parameters": {}}, "has answers of another model and parameters; "),
        (
            {"model": "abc", "parameters": {"top_k": 2}},
            r"answers of other parameters \(.* 1\}, not .* 2\}\); ",
        ),
    ],
)
def test_another_identity_is_refused(tmp_path: Path, identity: dict[str, object], message: str) -> None:
    run(tmp_path, chunks=1)
    with pytest.raises(InputError, match=message):
        run(tmp_path, identity=identity)


@pytest.mark.parametrize("source", [INPUT[1:], b"".join(LINES[:63]), b""])
def test_another_input_is_refused(tmp_path: Path, source: bytes) -> None:
    run(tmp_path, chunks=1)
    with pytest.raises(InputError, match=r"answers to other lines than those of the input; .* leave out resume=True"):
        run(tmp_path, source=source)


@pytest.mark.parametrize(("resume", "kept"), [(True, "continue with resume=True"), (False, "nothing is kept")])
def test_write_error_says_what_is_kept(tmp_path: Path, resume: bool, kept: str) -> None:
    path = tmp_path / "folder" / "answers"
    with pytest.raises(OutputError, match=f"answers cannot be written: No such file or directory; .*{kept}"):
        Journal(path, path, resume).open(IDENTITY)
