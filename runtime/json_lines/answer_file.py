"""Answer JSON Lines from a stream to a stream, or from a file to a file that can be continued."""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from convbert_onnx.files import replacing
from convbert_onnx.json_text import to_json
from convbert_onnx.runtime.json_lines.answer_lines import answer_lines
from convbert_onnx.runtime.json_lines.journal import AnswerCounts, Journal
from convbert_onnx.runtime.json_lines.line_chunks import line_chunks
from convbert_onnx.runtime.model_files.external_data import external_files
from convbert_onnx.runtime.pipeline import ConvBertOnnxPipeline

__all__ = ["AnswerCounts", "answer_file", "answer_stream"]

Progress = Callable[[AnswerCounts], None]

_FORMAT = 1


def answer_stream(
    pipe: ConvBertOnnxPipeline, source: IO[bytes], sink: IO[bytes], progress: Progress = lambda answered: None
) -> AnswerCounts:
    """Answer each line of a stream as soon as it arrives.

    Args:
        pipe: the pipeline.
        source: JSON Lines, each an object with the pipeline's arguments.
        sink: receives one line for each, in order; see :func:`answer_lines`.
        progress: called at the beginning and after each chunk of lines.

    Raises:
        RunError: the engine failed.
    """
    answered = AnswerCounts()
    progress(answered)
    for lines in line_chunks(source):
        content, answered = _answer_chunk(pipe, lines, answered)
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
) -> AnswerCounts:
    """Answer each line of a file, and write the results to a file that gets its name when all lines are answered.

    Args:
        pipe: the pipeline.
        source: JSON Lines, each an object with the pipeline's arguments.
        output: the file to write, with one line for each, in order; see :func:`answer_lines`.
        resume: continue where an earlier call stopped, for whatever reason, and keep the answers if this call fails.
            Otherwise the answers of an earlier unfinished call are deleted, and those of this call if it fails.
        progress: called with what an earlier call answered, and after each chunk of lines.

    Raises:
        InputError: an earlier call answered another input, or had another model or other parameters.
        OutputError: the output cannot be written, or another process is writing it.
        RunError: the engine failed.
    """
    with replacing(Path(output), keep=resume) as path, Journal(path, Path(output), resume) as journal:
        journal.open(_identity(pipe))
        chunks = journal.unanswered(source)
        progress(journal.answered)
        for lines in chunks:
            content, answered = _answer_chunk(pipe, lines, journal.answered)
            journal.add(lines, content, answered)
            progress(answered)
    return journal.answered


def _answer_chunk(
    pipe: ConvBertOnnxPipeline, lines: Sequence[bytes], before: AnswerCounts
) -> tuple[bytes, AnswerCounts]:
    """Return the output for a chunk of lines, and the counts that include it."""
    results = list(answer_lines(pipe, lines, first=before.lines + 1))
    answered = AnswerCounts(
        before.lines + len(lines),
        before.bytes + sum(map(len, lines)),
        before.results + len(results),
        before.failed + sum("error" in result for result in results),
    )
    return b"".join(to_json(result) + b"\n" for result in results), answered


def _identity(pipe: ConvBertOnnxPipeline) -> dict[str, object]:
    """Return everything that the answers depend on except the input; providers and kernels do not count."""
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
    as_json: dict[str, object] = json.loads(json.dumps(identity, default=repr))
    return as_json
