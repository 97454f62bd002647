"""JSON from files of anywhere, read within limits with clear faults, and JSON for machines, written in UTF-8."""

import json
from typing import Any

from convbert_onnx.errors import InputError, InputTypeError

__all__ = ["MAX_JSON_BYTES", "parse_object", "to_json"]

MAX_JSON_BYTES = 2**23
"""Size of a config or an export record. Python's objects may take twenty times as much."""

_MAX_DEPTH = 100
"""Values inside each other. To write one with indentation takes time for each value and each level above it."""


def parse_object(text: str) -> dict[str, Any]:
    """The object that a text of JSON holds.

    Raises:
        ValueError: it is not JSON, not an object, too large or nested too deeply.
    """
    if len(text) > MAX_JSON_BYTES:
        raise ValueError(f"has more than {MAX_JSON_BYTES // 2**20} MB")
    try:
        values = json.loads(text)
    except RecursionError as error:
        raise ValueError("is nested too deeply") from error
    except ValueError as error:
        raise ValueError(f"is not JSON ({error})") from error
    if not isinstance(values, dict):
        raise ValueError("is not a JSON object")
    level: list[Any] = [values]
    for _ in range(_MAX_DEPTH):
        inner = (part.values() if isinstance(part, dict) else part for part in level)
        level = [part for parts in inner for part in parts if isinstance(part, dict | list)]
    if level:
        raise ValueError("is nested too deeply")
    return values


def to_json(value: Any, indent: int | None = None) -> bytes:
    """A value as JSON in UTF-8.

    Raises:
        InputTypeError: it holds something that JSON has no form for, such as a numpy array.
        InputError: it holds NaN or an infinity, for which JSON has no form either.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, indent=indent, default=_refuse, allow_nan=False)
    except InputTypeError:
        raise
    except ValueError as error:
        raise InputError("JSON has no form for NaN and infinity, which are among these values") from error
    # backslashreplace: half a surrogate pair, which JSON can carry escaped, leaves as it came.
    return text.encode(errors="backslashreplace")


def _refuse(value: Any) -> None:
    raise InputTypeError(
        f"JSON has no form for the {type(value).__name__} of this result: leave out what asks for it, such as "
        "return_tensors"
    )
