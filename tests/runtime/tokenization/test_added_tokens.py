"""Added tokens with any flags, in any text."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from golden import CHECKPOINTS
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from convbert_onnx import ConvBertTokenizer, ConvBertTokenizerFast
from convbert_onnx.errors import BundleError
from convbert_onnx.runtime.tokenization.added_tokens import AddedToken, AddedTokens, TokenFinder

JSON = json.loads((CHECKPOINTS / "plain-question-answering" / "tokenizer.json").read_text(encoding="utf-8"))
JSON["model"]["vocab"] = {token: number for token, number in JSON["model"]["vocab"].items() if number < 120}
CONTENTS = st.sampled_from(
    ["<x>", "X", "x y", " z", "é", "我", "ab", "abc", "the", "_", "i̇", "a\u200d", "##a", "[MASK]", "🙂"]
)
FLAGS = {name: st.booleans() for name in ("single_word", "lstrip", "rstrip", "normalized", "special")}
TOKENS = st.lists(st.builds(AddedToken, CONTENTS, **FLAGS), max_size=5, unique_by=lambda token: token.content)
TEXTS = st.lists(
    CONTENTS | st.sampled_from([" ", "\t ", "\u3000", "²", "ⓐ", "-", "A", "I", "\x00", "\u0301", "É"])
).map("".join)


@example(tokens=[AddedToken("ab", special=True), AddedToken("a\u200d")], text="ab", cased=False, split=True)
@given(tokens=TOKENS, text=TEXTS, cased=st.booleans(), split=st.booleans())
def test_python_and_fast_match_the_same_tokens(tokens: list[AddedToken], text: str, cased: bool, split: bool) -> None:
    content: dict[str, Any] = JSON | {"added_tokens": [token.to_dict(9) for token in tokens]}
    content["normalizer"] = JSON["normalizer"] | {"lowercase": not cased}
    settings = {"split_special_tokens": split, "tokenizer_class": "PreTrainedTokenizerFast"}
    python = ConvBertTokenizer(json.dumps(content), settings)
    fast = ConvBertTokenizerFast(json.dumps(content), settings)
    one, other = python.encode_text(text), fast.encode_text(text)
    assert all(np.array_equal(getattr(one, name), getattr(other, name)) for name in ("ids", "offsets", "words"))
    assert fast.get_vocab() == Tokenizer.from_str(fast.tokenizer_json).get_vocab()
    assert python.decode(one.ids, skip_special_tokens=True) == fast.decode(one.ids, skip_special_tokens=True)


def test_a_new_token_gets_the_next_id_and_a_token_of_the_vocabulary_keeps_its_id() -> None:
    added = AddedTokens({"a": 0, "b": 1}, [AddedToken("b"), AddedToken("new"), AddedToken(""), AddedToken("newer")])
    assert added.ids == {"b": 1, "new": 2, "newer": 3}
    added.add(AddedToken("new", lstrip=True))
    assert added.tokens[2] == AddedToken("new", lstrip=True)
    added.add(AddedToken("s", special=True, normalized=False))
    added.add(AddedToken("s", special=True, normalized=True, rstrip=True))
    assert added.tokens[4] == replace(AddedToken("s", special=True, normalized=False), rstrip=True)


@pytest.mark.parametrize("values", [None, "x", {}, {"content": 5}, {"content": "x", "lstrip": 1}])
def test_from_dict_refuses_what_is_not_a_token(values: Any) -> None:
    with pytest.raises(BundleError, match="added token"):
        AddedToken.from_dict(values)


def test_from_dict_and_to_dict_are_inverse() -> None:
    token = AddedToken("<x>", lstrip=True, special=True, normalized=False)
    values = token.to_dict(7)
    assert values["id"] == 7
    assert AddedToken.from_dict(values) == token
    assert AddedToken.from_dict({"content": "<x>", "special": True}).normalized is False  # the library's default


@pytest.mark.parametrize(
    ("content", "message"), [("é" * 1001, "more than 1000 characters"), ("\ud800", "half of a character")]
)
def test_add_refuses_a_content_that_the_library_cannot_search(content: str, message: str) -> None:
    with pytest.raises(BundleError, match=message):
        AddedTokens({}).add(AddedToken(content))


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        (AddedToken("x"), [(0, 2, None), (2, 3, 9), (3, 5, None), (5, 6, 9), (6, 7, None)]),
        (AddedToken("x", single_word=True), [(0, 2, None), (2, 3, 9), (3, 7, None)]),
        (AddedToken("x", lstrip=True, rstrip=True), [(0, 1, None), (1, 4, 9), (4, 5, None), (5, 6, 9), (6, 7, None)]),
        (AddedToken(""), [(0, 7, None)]),
    ],
)
def test_token_finder_splits_a_text(token: AddedToken, expected: list[tuple[int, int, int | None]]) -> None:
    assert list(TokenFinder({9: token}).split("a x bxb")) == expected


def test_token_finder_prefers_the_longest_token() -> None:
    finder = TokenFinder({8: AddedToken("ab"), 9: AddedToken("abc")})
    assert list(finder.split("abcab")) == [(0, 3, 9), (3, 5, 8)]
