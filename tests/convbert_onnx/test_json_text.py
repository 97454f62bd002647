"""JSON that is written for machines."""

import json
from typing import Any

import numpy as np
import pytest

from convbert_onnx.errors import InputError, InputTypeError
from convbert_onnx.json_text import to_json


def test_json_is_utf_8_with_unpaired_surrogates_escaped() -> None:
    value = {"answer": "日本", "half": "\ud800"}
    assert to_json(value) == '{"answer": "日本", "half": "'.encode() + b'\\ud800"}'
    assert json.loads(to_json(value, indent=2)) == value


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_nan_and_infinity_are_refused(number: float) -> None:
    with pytest.raises(InputError, match="no form for NaN"):
        to_json({"score": [number]})


@pytest.mark.parametrize("value", [np.zeros(3), {1, 2}, b"bytes"])
def test_types_that_json_cannot_represent_are_refused(value: Any) -> None:
    with pytest.raises(InputTypeError, match=f"no form for the {type(value).__name__} of this result"):
        to_json([value])
