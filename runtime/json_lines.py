"""JSON Lines in, JSON Lines out: one result per line, in order, in bounded memory."""

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from convbert_onnx.errors import ConvBertError, InputError, InputTypeError
from convbert_onnx.runtime.pipeline import ConvBertOnnxPipeline

__all__ = ["answer_lines"]

_CHUNK = 64
"""Lines that are read before the first of them is answered; they share batches."""


def answer_lines(pipe: ConvBertOnnxPipeline, lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """One object per line: ``{"result": ...}``, or ``{"line": n, "error": "..."}`` for a bad one.

    A line holds a JSON object with the arguments of the task's pipeline, and parameters if it likes. Its ``id`` is
    copied to the result. Lines are counted from 1.

    Raises:
        RunError: the engine failed.
    """
    numbered = enumerate(lines, start=1)
    while chunk := list(islice(numbered, _CHUNK)):
        calls = [_parse(line) for _, line in chunk]
        copied = [{"id": call.pop("id")} if isinstance(call, dict) and "id" in call else {} for call in calls]
        results = iter(pipe.answer_each([call for call in calls if isinstance(call, dict)]))
        for (number, _), call, own_id in zip(chunk, calls, copied, strict=True):
            outcome = next(results) if isinstance(call, dict) else call
            if isinstance(outcome, ConvBertError):
                yield {"line": number, "error": str(outcome)}
            else:
                yield {**own_id, "result": outcome}


def _parse(line: bytes) -> dict[str, Any] | ConvBertError:
    try:
        call = json.loads(line.decode())
    except UnicodeDecodeError as error:
        return InputError(f"the line is not UTF-8 (byte {error.start}): save the file as UTF-8")
    except ValueError as error:
        return InputError(f"the line is not JSON ({error}): write one object per line")
    if not isinstance(call, dict):
        return InputTypeError(f"the line must be a JSON object, not {type(call).__name__}")
    return call
