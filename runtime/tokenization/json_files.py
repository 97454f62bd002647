"""JSON files next to a vocabulary: read, and checked to hold an object."""

import json
from pathlib import Path

from convbert_onnx.errors import BundleError

__all__ = ["JsonObject", "read_json_object", "read_text"]

JsonObject = dict[str, object]
"""A JSON object whose values are not checked yet."""


def read_json_object(text: str, name: str | Path) -> JsonObject:
    """Parse the text of a JSON file that must hold an object.

    Args:
        text: the content of the file.
        name: what error messages call the file.

    Raises:
        BundleError: the text is not JSON, or not an object.
    """
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{name} cannot be read, it is not JSON ({error}): save the tokenizer again") from error
    if not isinstance(values, dict):
        raise BundleError(f"{name} cannot be read, it must hold a JSON object: save the tokenizer again")
    return values


def read_text(path: str | Path) -> str:
    """Read a UTF-8 file, without its byte order mark.

    Raises:
        BundleError: the file is not UTF-8.
    """
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise BundleError(f"{path} is not UTF-8 ({error}): save the tokenizer again") from error
