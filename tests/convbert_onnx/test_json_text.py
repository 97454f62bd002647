"""Parsing and serialization of JSON."""

import json
from typing import Any

import numpy as np
import pytest

from convbert_onnx.errors import InputError, InputTypeError
from convbert_onnx.json_text import MAX_JSON_BYTES, parse_object, to_json


def test_json_is_utf_8_with_unpaired_surrogates_escaped() -> None:
    value = {"answer": "日本", "half": "\ud800"}
    assert to_json(value) == '{"answer": "日本", "half": "'.encode() + b'\\ud800"}'
    assert json.loads(to_json(value, indent=2)) == value


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_nan_and_infinity_are_refused(number: float) -> None:
    with pytest.raises(InputError, match="cannot represent NaN"):
        to_json({"score": [number]})


@pytest.mark.parametrize("value", [np.zeros(3), {1, 2}, b"bytes"])
def test_types_that_json_cannot_represent_are_refused(value: Any) -> None:
    with pytest.raises(InputTypeError, match=f"cannot represent the {type(value).__name__} in this result"):
        to_json([value])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[1]", "is not a JSON object"),
        ('{"a": ' + "[" * 101 + "]" * 101 + "}", "is nested too deeply"),
        ("[" * 100_000, "is nested too deeply"),
        (" " * (MAX_JSON_BYTES + 1), "has more than 8 MB"),
    ],
)
def test_parse_object_refuses_other_texts(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_object(text)


def test_parse_object_accepts_nesting_up_to_the_limit() -> None:
    text = '{"a": ' + "[" * 99 + "]" * 99 + "}"
    assert to_json(parse_object(text)).decode() == text
