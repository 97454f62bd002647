"""JSON from files of anywhere, read within limits with clear faults, and JSON for machines, written in UTF-8."""

import json
from typing import Any

__all__ = ["MAX_JSON_BYTES", "parse_object", "to_json"]

MAX_JSON_BYTES = 2**23
"""Size of a config or an export record. Python's objects may take twenty times as much."""


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
    return values


def to_json(value: Any, indent: int | None = None) -> bytes:
    """A value as JSON; arrays become lists.

    Raises:
        TypeError: it holds something that JSON has no form for.
    """
    # backslashreplace: half a surrogate pair, which JSON can carry escaped, leaves as it came.
    return json.dumps(value, ensure_ascii=False, indent=indent, default=_as_list).encode(errors="backslashreplace")


def _as_list(value: Any) -> Any:
    try:
        return value.tolist()  # an array or a scalar of numpy, which is not imported for this
    except AttributeError:
        raise TypeError(f"{type(value).__name__} has no form in JSON") from None
