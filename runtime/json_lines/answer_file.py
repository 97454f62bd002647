"""JSON Lines from a file to a file, which can be killed at any moment and continued.

Results are written to ``answers.jsonl.partial/answers.jsonl``, which takes the name ``answers.jsonl`` when all lines
are answered. ``.journal`` beside it begins with what the answers depend on: the model's bytes, tokenizer, config, task
and parameters. After each chunk of lines it tells how much of the input that answered, and the hashes of input and
output so far. To continue, the last entry that agrees with the output is looked for, and the output is cut there: lines
that were half written when the process died, or that a full disk lost, are answered again. The input's lines up to
there must have the hash of the entry. Chunks begin at the same lines as they would have, so that not a bit of the
answers differs.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import IO, Any, Self

from convbert_onnx.errors import InputError, OutputError
from convbert_onnx.files import replacing
from convbert_onnx.json_text import to_json
from convbert_onnx.runtime.json_lines.answer_lines import answer_lines
from convbert_onnx.runtime.json_lines.line_chunks import line_chunks
from convbert_onnx.runtime.model_files.external_data import external_files
from convbert_onnx.runtime.pipeline import ConvBertOnnxPipeline

__all__ = ["Answered", "answer_file", "answer_stream"]

Progress = Callable[["Answered"], None]

_FORMAT = 1


@dataclass(frozen=True)
class Answered:
    """How much is answered.

    Attributes:
        lines: lines of the input that are.
        bytes: their size, as they were read.
        results: lines of the output.
        failed: those of them that are errors.
    """

    lines: int = 0
    bytes: int = 0
    results: int = 0
    failed: int = 0


def answer_stream(
    pipe: ConvBertOnnxPipeline, source: IO[bytes], sink: IO[bytes], progress: Progress = lambda answered: None
) -> Answered:
    """Answer each line of a stream as soon as it has come.

    Args:
        pipe: answers them.
        source: JSON Lines, each an object of the pipeline's arguments.
        sink: gets a line for each, in order; see :func:`answer_lines`.
        progress: told at the beginning, and after each chunk of lines.

    Raises:
        RunError: the engine failed.
    """
    answered = Answered()
    progress(answered)
    for lines in line_chunks(source):
        content, answered = _answer(pipe, lines, answered)
        sink.write(content)
        sink.flush()
        progress(answered)
    return answered


def answer_file(
    pipe: ConvBertOnnxPipeline,
    source: IO[bytes],
    output: str | Path,
    *,
    resume: bool = False,
    progress: Progress = lambda answered: None,
) -> Answered:
    """Answer each line of a file into another, which gets its name when all are answered.

    Args:
        pipe: answers them.
        source: JSON Lines, each an object of the pipeline's arguments.
        output: the file; it gets a line for each, in order. See :func:`answer_lines`.
        resume: go on where an earlier call stopped, whatever ended it, and if this one fails, keep what it answered.
            Otherwise what an earlier call left is removed, and so is what this one leaves.
        progress: told how much an earlier call answered, and after each chunk of lines.

    Raises:
        InputError: an earlier call answered another input, or with another model or other parameters.
        OutputError: the output cannot be written, or another process writes it.
        RunError: the engine failed.
    """
    with replacing(Path(output), keep=resume) as path, _Journal(path, Path(output), resume) as journal:
        journal.open(_identity(pipe))
        chunks = journal.rest(source)
        progress(journal.answered)
        for lines in chunks:
            content, answered = _answer(pipe, lines, journal.answered)
            journal.add(lines, content, answered)
            progress(answered)
    return journal.answered


def _answer(pipe: ConvBertOnnxPipeline, lines: Sequence[bytes], before: Answered) -> tuple[bytes, Answered]:
    """The output for a chunk of lines, and how much is answered with it."""
    results = list(answer_lines(pipe, lines, first=before.lines + 1))
    answered = Answered(
        before.lines + len(lines),
        before.bytes + sum(map(len, lines)),
        before.results + len(results),
        before.failed + sum("error" in result for result in results),
    )
    return b"".join(to_json(result) + b"\n" for result in results), answered


def _identity(pipe: ConvBertOnnxPipeline) -> dict[str, Any]:
    """All that answers depend on beside the input. Another provider or other kernels are not another model."""
    file = Path(pipe.info["file"])
    model = hashlib.blake2b()
    for path in (file, *sorted(file.parent / name for name in external_files(file))):
        with path.open("rb") as content:
            model.update(hashlib.file_digest(content, "blake2b").digest())
    tokenizer = [pipe.tokenizer.tokenizer_json, dict(pipe.tokenizer.settings)]
    identity = {
        "format": _FORMAT,
        "model": model.hexdigest(),
        "tokenizer": hashlib.blake2b(json.dumps(tokenizer).encode()).hexdigest(),
        "config": hashlib.blake2b(pipe.config.to_json().encode()).hexdigest(),
        "task": pipe.task,
        "parameters": pipe.parameters,
    }
    found: dict[str, Any] = json.loads(json.dumps(identity, default=repr))
    return found


class _Journal:
    """The output in progress, and the journal of how it came about.

    Attributes:
        answered: how much of the input the output holds.
    """

    def __init__(self, path: Path, target: Path, resume: bool) -> None:
        self.answered = Answered()
        self._path = path
        self._target = target
        self._resume = resume
        self._stack = ExitStack()
        self._input, self._output = _new_hash(), _new_hash()
        self._size = 0  # of the output
        self._expected: str | None = None  # hash of the input's lines that are answered

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # What could not be written is tried once more by close(), and was told already.
        with suppress(OSError):
            self._stack.close()

    def open(self, identity: Mapping[str, Any]) -> None:
        """Open the files, and cut what an earlier call left to what is whole.

        Raises:
            InputError: the earlier call had another identity.
            OutputError: they cannot be opened.
        """
        with self._writing():
            self._lines = self._stack.enter_context(self._path.open("ab+"))
            self._entries = self._stack.enter_context(self._path.with_name(".journal").open("ab+"))
        entries = _entries(self._entries)
        end, before = next(entries, (0, identity))
        if before != identity:
            raise InputError(f"{self._path.parent} holds answers of {_difference(before, identity)}; {_ADVICE}")
        self._lines.seek(0)
        for entry_end, entry in entries:
            digest = self._output.copy()
            digest.update(self._lines.read(entry["output_bytes"] - self._size))
            if digest.hexdigest() != entry["output"]:
                break  # the output is shorter, or damaged
            self._output, self._size, end = digest, entry["output_bytes"], entry_end
            self.answered, self._expected = Answered(**entry["answered"]), entry["input"]
        with self._writing():
            self._lines.truncate(self._size)
            self._entries.truncate(end)
            if not end:
                self._write(self._entries, json.dumps(identity).encode() + b"\n")

    def rest(self, source: IO[bytes]) -> Iterator[list[bytes]]:
        """The chunks of the input that are not answered yet.

        Raises:
            InputError: what is answered are other lines than the input's.
        """
        chunks = line_chunks(source)
        left = self.answered.lines
        while left and (lines := next(chunks, None)) is not None:
            known, rest = lines[:left], lines[left:]
            left -= len(known)
            for line in known:
                self._input.update(line)
            if rest:
                chunks = chain([rest], chunks)
        if self._expected not in (None, self._input.hexdigest()) or left:
            raise InputError(f"{self._path.parent} holds answers to lines that are not those of the input; {_ADVICE}")
        return chunks

    def add(self, lines: Iterable[bytes], content: bytes, answered: Answered) -> None:
        """Write the output for a chunk of lines."""
        for line in lines:
            self._input.update(line)
        self._output.update(content)
        self._size += len(content)
        entry = {
            "answered": asdict(answered),
            "input": self._input.hexdigest(),
            "output": self._output.hexdigest(),
            "output_bytes": self._size,
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
            kept = "what is answered is kept: make room and go on with resume" if self._resume else "nothing is kept"
            raise OutputError(f"{self._target} cannot be written: {error.strerror or error}; {kept}") from error


_ADVICE = "give what it began with, or leave resume out to begin again"


def _new_hash() -> "hashlib.blake2b":
    return hashlib.blake2b(digest_size=16)


def _entries(journal: IO[bytes]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The whole entries of a journal, each with its end in bytes. One that is damaged or half written ends them."""
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


def _difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What an earlier call had other than this one."""
    names = [name for name in now if before.get(name) != now[name]]
    if names == ["parameters"]:
        return f"other parameters ({json.dumps(before['parameters'])}, not {json.dumps(now['parameters'])})"
    return f"another {' and '.join(names)}"
