"""JSON from files of anywhere: within limits, and every fault a ValueError that says what is wrong."""

import json
from typing import Any

__all__ = ["MAX_JSON_BYTES", "parse_object"]

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
