"""An output file that can be continued after the process that wrote it died at any moment.

Results are written to ``answers.jsonl.partial/answers.jsonl``, which is renamed to ``answers.jsonl`` when all lines are
answered. The file ``.journal`` next to it begins with everything that the answers depend on: hashes of the model,
tokenizer and config, the task and the parameters. After each chunk of lines it records how much of the input is
answered, and the hashes of input and output up to there.

To continue, the last entry that agrees with the output is searched, and the output is cut there: lines that were half
written when the process died, or that a full disk lost, are answered again. The input up to there must have the hash of
the entry. Chunks begin at the same lines as in an uninterrupted run, so the answers are bit-equal to those of one.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import IO, Any, Self

from convbert_onnx.errors import InputError, OutputError
from convbert_onnx.runtime.json_lines.line_chunks import line_chunks

__all__ = ["AnswerCounts", "Journal"]

_ADVICE = "pass the input, model and parameters that it began with, or leave out resume=True to start again"


@dataclass(frozen=True)
class AnswerCounts:
    """Counts of answered lines and their results.

    Attributes:
        lines: answered lines of the input.
        bytes: their size, as they were read.
        results: lines of the output.
        failed: lines of the output that are errors.
    """

    lines: int = 0
    bytes: int = 0
    results: int = 0
    failed: int = 0


class Journal:
    """The unfinished output and its journal.

    Attributes:
        answered: how much of the input the output answers.
    """

    def __init__(self, path: Path, target: Path, resume: bool) -> None:
        self.answered = AnswerCounts()
        self._path = path
        self._target = target
        self._resume = resume
        self._stack = ExitStack()
        self._input_hash, self._output_hash = _new_hash(), _new_hash()
        self._output_bytes = 0
        self._expected_input: str | None = None  # hash of the answered lines

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # close() tries again to write what could not be written, which was reported already.
        with suppress(OSError):
            self._stack.close()

    def open(self, identity: Mapping[str, object]) -> None:
        """Open the files, and cut the output of an earlier call after its last complete chunk.

        Raises:
            InputError: the earlier call had another identity.
            OutputError: the files cannot be opened.
        """
        with self._writing():
            self._lines = self._stack.enter_context(self._path.open("ab+"))
            self._entries = self._stack.enter_context(self._path.with_name(".journal").open("ab+"))
        entries = _read_entries(self._entries)
        end, before = next(entries, (0, identity))
        if before != identity:
            raise InputError(f"{self._path.parent} has answers of {_difference(before, identity)}; {_ADVICE}")
        self._lines.seek(0)
        for entry_end, entry in entries:
            digest = self._output_hash.copy()
            digest.update(self._lines.read(entry["output_bytes"] - self._output_bytes))
            if digest.hexdigest() != entry["output"]:
                break  # the output is shorter, or damaged
            self._output_hash, self._output_bytes, end = digest, entry["output_bytes"], entry_end
            self.answered, self._expected_input = AnswerCounts(**entry["answered"]), entry["input"]
        with self._writing():
            self._lines.truncate(self._output_bytes)
            self._entries.truncate(end)
            if not end:
                self._write(self._entries, json.dumps(identity).encode() + b"\n")

    def unanswered(self, source: IO[bytes]) -> Iterator[list[bytes]]:
        """Return the chunks of the input that are not answered yet.

        Raises:
            InputError: the answered lines are not those of the input.
        """
        chunks = line_chunks(source)
        left = self.answered.lines
        while left and (lines := next(chunks, None)) is not None:
            known, rest = lines[:left], lines[left:]
            left -= len(known)
            for line in known:
                self._input_hash.update(line)
            if rest:
                chunks = chain([rest], chunks)
        if self._expected_input not in (None, self._input_hash.hexdigest()) or left:
            raise InputError(f"{self._path.parent} has answers to other lines than those of the input; {_ADVICE}")
        return chunks

    def add(self, lines: Iterable[bytes], content: bytes, answered: AnswerCounts) -> None:
        """Write the output for a chunk of lines."""
        for line in lines:
            self._input_hash.update(line)
        self._output_hash.update(content)
        self._output_bytes += len(content)
        entry = {
            "answered": asdict(answered),
            "input": self._input_hash.hexdigest(),
            "output": self._output_hash.hexdigest(),
            "output_bytes": self._output_bytes,
        }
        with self._writing():
            self._write(self._lines, content)
            self._write(self._entries, json.dumps(entry).encode() + b"\n")
        self.answered = answered

    @staticmethod
    def _write(file: IO[bytes], content: bytes) -> None:
        file.write(content)
        file.flush()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            kept = (
                "the answers so far are kept: make room and continue with resume=True"
                if self._resume
                else "nothing is kept"
            )
            raise OutputError(f"{self._target} cannot be written: {error.strerror or error}; {kept}") from error


def _new_hash() -> "hashlib.blake2b":
    return hashlib.blake2b(digest_size=16)


def _read_entries(journal: IO[bytes]) -> Iterator[tuple[int, dict[str, Any]]]:  # Any: what add() wrote
    """Read the entries, each with its end in bytes, up to the first one that is damaged or half written."""
    journal.seek(0)
    end = 0
    for line in journal:
        end += len(line)
        try:
            entry = json.loads(line)
        except ValueError:
            return
        if not line.endswith(b"\n") or not isinstance(entry, dict):
            return
        yield end, entry


def _difference(before: Mapping[str, object], now: Mapping[str, object]) -> str:
    """Name the differences between an earlier call and this one."""
    names = [name for name in now if before.get(name) != now[name]]
    if names == ["parameters"]:
        return f"other parameters ({json.dumps(before['parameters'])}, not {json.dumps(now['parameters'])})"
    return f"another {' and '.join(names)}"
