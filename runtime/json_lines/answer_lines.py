"""JSON Lines in, JSON Lines out: one result per line, in order, in bounded memory."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from convbert_onnx.errors import InputError, InputTypeError
from convbert_onnx.runtime.parameters import shown
from convbert_onnx.runtime.pipeline import ConvBertOnnxPipeline

__all__ = ["MAX_LINE_BYTES", "answer_lines"]

MAX_LINE_BYTES = 4 * 2**20
"""Longest line that is answered; a context of four million characters has about 800,000 words."""

_MAX_CHUNK_BYTES = 2**20
_MAX_ID_DEPTH = 100
_Call = tuple[int, dict[str, Any] | Exception]
"""The number of a line, and the call in it or what is wrong with it."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def answer_lines(
    pipe: ConvBertOnnxPipeline, lines: Iterable[bytes], batch_lines: int = 64, first: int = 1
) -> Iterator[dict[str, Any]]:
    """One object per line: ``{"result": ...}``, or ``{"line": n, "error": "..."}`` for one that cannot be answered.

    A line holds a JSON object with the arguments of the task's pipeline, and parameters if it likes. Its ``id`` is
    copied. Lines are counted from ``first``. Blank lines count, and give nothing. A byte order mark before line 1 is
    skipped. No line fails another one, whatever happens. Results can always be written as JSON.

    Args:
        pipe: the pipeline.
        lines: lines of a file. One of more than ``MAX_LINE_BYTES`` is an error.
        batch_lines: lines that are read before the first of them is answered; they share batches. Long lines are
            answered earlier.
        first: the number of the first line.
    """
    chunk: list[_Call] = []
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
                chunk.append((number, _parse(line)))
                size += len(line)
        if chunk and (not number or len(chunk) >= batch_lines or size >= _MAX_CHUNK_BYTES):
            yield from _answered(pipe, chunk)
            chunk, size = [], 0
        if failure is not None:
            raise failure
        if not number:
            return


def _answered(
    pipe: ConvBertOnnxPipeline, chunk: list[tuple[int, dict[str, Any] | Exception]]
) -> Iterator[dict[str, Any]]:
    copied = [{"id": call.pop("id")} if isinstance(call, dict) and "id" in call else {} for _, call in chunk]
    results = iter(pipe.run_many([call for _, call in chunk if isinstance(call, dict)]))
    for (number, call), own_id in zip(chunk, copied, strict=True):
        outcome = next(results) if isinstance(call, dict) else call
        if isinstance(outcome, np.ndarray):
            outcome = InputError("return_tensors gives numpy arrays, which JSON has no form for: leave it out")
        if isinstance(outcome, Exception):
            yield {**own_id, "line": number, "error": _message(outcome)}
        else:
            yield {**own_id, "result": outcome}


def _message(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "there is not enough memory for this line: make it shorter"
    return str(error) or type(error).__name__


def _parse(line: bytes) -> dict[str, Any] | Exception:
    if len(line) > MAX_LINE_BYTES:
        return InputError(f"the line is longer than {MAX_LINE_BYTES} bytes: split it into several")
    try:
        call = json.loads(
            line.decode(), parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_without_repeated_keys
        )
        if isinstance(call, dict) and _depth(call.get("id")) > _MAX_ID_DEPTH:
            return InputError(f"`id` is nested more than {_MAX_ID_DEPTH} deep: take a number or a string")
    except UnicodeDecodeError as error:
        return InputError(f"the line is not UTF-8 (byte {error.start}): save the file as UTF-8")
    except RecursionError:
        return InputError("the line is nested too deep: write one flat object per line")
    except InputError as error:
        return error
    except ValueError as error:
        return InputError(f"the line is not JSON ({error}): write one object per line")
    except MemoryError as error:
        return error
    if not isinstance(call, dict):
        return InputTypeError(f"the line must be a JSON object, not {type(call).__name__}")
    return call


def _without_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        repeated, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise InputError(f"the line has {shown(repeated)} twice: leave one of them out")
    return found


def _refuse(constant: str) -> None:
    raise InputError(f"the line has {constant}, which JSON does not have: write null or leave it out")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise InputError(f"the line has {shown(text)}, which is more than a number can hold")
    return number


def _depth(value: Any) -> int:
    """How deep lists and objects are nested, without recursion."""
    depth, level = 0, [value]
    while level := [one for one in level if isinstance(one, list | dict)]:
        depth += 1
        level = [entry for one in level for entry in (one.values() if isinstance(one, dict) else one)]
    return depth
