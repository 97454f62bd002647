from typing import Any

import pytest

from convbert_onnx.errors import InputError, InputTypeError
from convbert_onnx.runtime.tokenization.text_inputs import texts_of_rows


@pytest.mark.parametrize(
    ("text", "text_pair", "words", "expected"),
    [
        ("a", None, False, (False, [("a",)])),
        ("a", "b", False, (False, [("a", "b")])),
        ("a", "", False, (False, [("a",)])),  # an empty second text counts as none ...
        (["a", "b"], None, False, (True, [("a",), ("b",)])),
        (["a"], [""], False, (True, [("a", "")])),  # ... except in lists
        ((), None, False, (True, [])),
        (["a", "b"], None, True, (False, [(["a", "b"],)])),
        (["a"], ["b"], True, (False, [(["a"], ["b"])])),
        ([], None, True, (False, [([],)])),
        ([["a", "b"], []], None, True, (True, [(["a", "b"],), ([],)])),
        ([["a"]], [["b"]], True, (True, [(["a"], ["b"])])),
    ],
)
def test_texts_are_arranged_by_rows(text: Any, text_pair: Any, words: bool, expected: Any) -> None:
    assert texts_of_rows(text, text_pair, words) == expected


@pytest.mark.parametrize(
    ("text", "text_pair", "words", "message"),
    [
        (b"bytes", None, False, "text must be a string, or a list of strings, not bytes"),
        (None, None, False, "not NoneType"),
        (["a", 5], None, False, "not int"),
        ("a", ["b"], False, "text_pair must be a string, or a list of strings, not list"),
        (["a"], "b", False, "text is a list and text_pair str"),
        ("a", None, True, "text must be a list of words, or a list of such lists, not str"),
        ([["a"], "b"], None, True, "a list of words"),
    ],
)
def test_other_types_are_refused(text: Any, text_pair: Any, words: bool, message: str) -> None:
    with pytest.raises(InputTypeError, match=message):
        texts_of_rows(text, text_pair, words)


def test_lists_of_different_lengths_are_refused() -> None:
    with pytest.raises(InputError, match="1 texts but 2 in text_pair"):
        texts_of_rows(["a"], ["a", "b"], False)
