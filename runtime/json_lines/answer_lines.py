"""Answer lines of JSON: one result per line, in order, in bounded memory."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypedDict

import numpy as np

from convbert_onnx.errors import InputError, InputTypeError
from convbert_onnx.runtime.json_lines.line_chunks import MAX_CHUNK_BYTES, MAX_CHUNK_LINES, MAX_LINE_BYTES
from convbert_onnx.runtime.parameters import short_repr
from convbert_onnx.runtime.pipeline import ConvBertOnnxPipeline

__all__ = ["LineResult", "answer_lines"]

_MAX_ID_DEPTH = 100
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_Call = dict[str, object]
_NumberedCall = tuple[int, _Call | Exception]
"""The number of a line, and its call or what is wrong with it."""


class LineResult(TypedDict, total=False):
    """The result of one line: ``result``, or ``line`` and ``error``.

    Attributes:
        id: the ``id`` of the line, if it has one.
        result: the result of the task's pipeline.
        line: the number of the line.
        error: why it has no result.
    """

    id: object
    result: Any  # depends on the task
    line: int
    error: str


def answer_lines(
    pipe: ConvBertOnnxPipeline, lines: Iterable[bytes], batch_lines: int = MAX_CHUNK_LINES, first: int = 1
) -> Iterator[LineResult]:
    """Answer each line: ``{"result": ...}``, or ``{"line": n, "error": "..."}`` if it cannot be answered.

    A line contains a JSON object with the arguments of the task's pipeline and, optionally, its parameters. An ``id``
    is copied into the result. Lines are numbered from ``first``; blank lines count, but have no result. A byte order
    mark before line 1 is skipped. An error in one line never affects another line. Results can always be written as
    JSON.

    Args:
        pipe: the pipeline.
        lines: the lines of a file. A line of more than ``MAX_LINE_BYTES`` is an error.
        batch_lines: lines that are read before the first of them is answered; they share batches. Fewer if they are
            long.
        first: the number of the first line.
    """
    chunk: list[_NumberedCall] = []
    size = 0
    numbered = enumerate(lines, first)
    while True:
        failure: Exception | None = None
        try:
            number, line = next(numbered, (0, b""))
        except Exception as error:
            failure, number, line = error, 0, b""
        if number:
            line = line.removeprefix(_BYTE_ORDER_MARK) if number == 1 else line
            if line.strip():
                chunk.append((number, _parse_call(line)))
                size += len(line)
        if chunk and (not number or len(chunk) >= batch_lines or size >= MAX_CHUNK_BYTES):
            yield from _answer_chunk(pipe, chunk)
            chunk, size = [], 0
        if failure is not None:
            raise failure
        if not number:
            return


def _answer_chunk(pipe: ConvBertOnnxPipeline, chunk: Sequence[_NumberedCall]) -> Iterator[LineResult]:
    ids = [_take_id(call) for _, call in chunk]
    results = iter(pipe.run_many([call for _, call in chunk if isinstance(call, dict)]))
    for (number, call), line_id in zip(chunk, ids, strict=True):
        outcome = next(results) if isinstance(call, dict) else call
        if isinstance(outcome, np.ndarray):
            outcome = InputError("return_tensors=True gives numpy arrays, which JSON cannot represent: leave it out")
        if isinstance(outcome, Exception):
            yield {**line_id, "line": number, "error": _message(outcome)}
        else:
            yield {**line_id, "result": outcome}


def _take_id(call: _Call | Exception) -> LineResult:
    return {"id": call.pop("id")} if isinstance(call, dict) and "id" in call else {}


def _message(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "there is not enough memory for this line: make it shorter"
    return str(error) or type(error).__name__


def _parse_call(line: bytes) -> _Call | Exception:
    if len(line) > MAX_LINE_BYTES:
        return InputError(f"the line is longer than {MAX_LINE_BYTES} bytes: split it into several")
    try:
        call = json.loads(
            line.decode(),
            parse_constant=_refuse_constant,
            parse_float=_parse_finite,
            object_pairs_hook=_without_repeated_keys,
        )
        if isinstance(call, dict) and _depth(call.get("id")) > _MAX_ID_DEPTH:
            return InputError(f"`id` is nested more than {_MAX_ID_DEPTH} deep: use a number or a string")
    except UnicodeDecodeError as error:
        return InputError(f"the line is not UTF-8 (byte {error.start}): save the file as UTF-8")
    except RecursionError:
        return InputError("the line is nested too deeply: write one flat object per line")
    except InputError as error:
        return error
    except ValueError as error:
        return InputError(f"the line is not JSON ({error}): write one object per line")
    except MemoryError as error:
        return error
    if not isinstance(call, dict):
        return InputTypeError(f"the line must be a JSON object, not {type(call).__name__}")
    return call


def _without_repeated_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    values = dict(pairs)
    if len(values) < len(pairs):
        repeated, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise InputError(f"the line has {short_repr(repeated)} twice: leave one of them out")
    return values


def _refuse_constant(constant: str) -> None:
    raise InputError(f"the line has {constant}, which JSON does not have: write null or leave it out")


def _parse_finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise InputError(f"the line has the number {short_repr(text)}, which is too large for a float: make it smaller")
    return number


def _depth(value: object) -> int:
    """Return how deeply lists and objects are nested, without recursion."""
    depth, level = 0, [value]
    while level := [one for one in level if isinstance(one, list | dict)]:
        depth += 1
        level = [entry for one in level for entry in (one.values() if isinstance(one, dict) else one)]
    return depth
