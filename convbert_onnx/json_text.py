"""JSON input from untrusted files, within limits, and JSON output as UTF-8."""

import json
from typing import Any

from convbert_onnx.errors import InputError, InputTypeError

__all__ = ["MAX_JSON_BYTES", "parse_object", "to_json"]

MAX_JSON_BYTES = 2**23
"""Maximum size of a config or an export record. The parsed objects can take twenty times as much memory."""

_MAX_DEPTH = 100
"""Maximum nesting depth. Writing with indentation takes time per value and level."""


def parse_object(text: str) -> dict[str, Any]:
    """Parse the text of a JSON object.

    Raises:
        ValueError: the text is not JSON, not an object, too large or nested too deeply; the message is a predicate,
            such as "is not JSON".
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


def to_json(value: object, indent: int | None = None) -> bytes:
    """Serialize a value as JSON in UTF-8.

    Raises:
        InputTypeError: the value contains a type that JSON cannot represent, such as a numpy array.
        InputError: the value contains NaN or an infinity.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, indent=indent, default=_refuse, allow_nan=False)
    except InputTypeError:
        raise
    except ValueError as error:
        raise InputError("JSON cannot represent NaN and infinity, which are in this result") from error
    # backslashreplace: an unpaired surrogate is written as a JSON escape.
    return text.encode(errors="backslashreplace")


def _refuse(value: object) -> None:
    raise InputTypeError(
        f"JSON cannot represent the {type(value).__name__} in this result: leave out the option that returns it, "
        "such as return_tensors"
    )
