"""Added tokens of both tokenizers, of any kind, in any text."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from golden import CHECKPOINTS
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from convbert_onnx import ConvBertTokenizer, ConvBertTokenizerFast
from convbert_onnx.errors import BundleError
from convbert_onnx.runtime.tokenization.added_tokens import AddedToken, AddedTokens

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


@given(tokens=TOKENS, text=TEXTS, cased=st.booleans(), split=st.booleans())
def test_both_tokenizers_find_the_same(tokens: list[AddedToken], text: str, cased: bool, split: bool) -> None:
    content: dict[str, Any] = JSON | {"added_tokens": [token.to_dict(9) for token in tokens]}
    content["normalizer"] = JSON["normalizer"] | {"lowercase": not cased}
    settings = {"split_special_tokens": split, "tokenizer_class": "PreTrainedTokenizerFast"}
    python = ConvBertTokenizer(json.dumps(content), settings)
    fast = ConvBertTokenizerFast(json.dumps(content), settings)
    one, other = python.encode_text(text), fast.encode_text(text)
    assert all(np.array_equal(getattr(one, name), getattr(other, name)) for name in ("ids", "offsets", "words"))
    assert fast.get_vocab() == Tokenizer.from_str(fast.tokenizer_json).get_vocab()
    assert python.decode(one.ids, skip_special_tokens=True) == fast.decode(one.ids, skip_special_tokens=True)


def test_a_new_token_gets_the_next_id_and_a_known_one_keeps_its_own() -> None:
    added = AddedTokens({"a": 0, "b": 1}, [AddedToken("b"), AddedToken("new"), AddedToken(""), AddedToken("newer")])
    assert added.ids == {"b": 1, "new": 2, "newer": 3}
    added.add(AddedToken("new", lstrip=True))
    assert added.tokens[2] == AddedToken("new", lstrip=True)
    added.add(AddedToken("s", special=True, normalized=False))
    added.add(AddedToken("s", special=True, normalized=True, rstrip=True))
    assert added.tokens[4] == replace(AddedToken("s", special=True, normalized=False), rstrip=True)


@pytest.mark.parametrize("values", [None, "x", {}, {"content": 5}, {"content": "x", "lstrip": 1}])
def test_what_describes_no_token_is_refused(values: Any) -> None:
    with pytest.raises(BundleError, match="added token"):
        AddedToken.from_dict(values)
