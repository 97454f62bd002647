"""ConvBertTokenizer and ConvBertTokenizerFast side by side: the same ids, offsets and words for every text."""

import sys
import unicodedata
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from golden import CHECKPOINTS, DATA
from hypothesis import example, given
from hypothesis import strategies as st

from convbert_onnx import ConvBertTokenizer, ConvBertTokenizerFast
from convbert_onnx.runtime.tokenization.base import TokenizerBase
from convbert_onnx.runtime.tokenization.encoding import Tokens

PLAIN = CHECKPOINTS / "plain-question-answering"
SETTINGS: dict[str, dict[str, Any]] = {
    "uncased": {},
    "cased": {"do_lower_case": False},
    "turkish uncased": {"do_lower_case": True, "strip_accents": False},
    "cased without accents": {"do_lower_case": False, "strip_accents": True},
    "Chinese characters not split": {"tokenize_chinese_chars": False},
}


@cache
def new_code_points() -> frozenset[int]:
    """Code points that the library's tables, of Unicode 8, do not have."""
    points: set[int] = set()
    for line in (DATA / "since_unicode_8.txt").read_text().split():
        first, _, last = line.partition("-")
        points.update(range(int(first, 16), int(last or first, 16) + 1))
    return frozenset(points)


def in_both_tables(char: str) -> bool:
    return unicodedata.category(char) not in ("Cn", "Cs") and ord(char) not in new_code_points()


@cache
def both(name: str) -> tuple[TokenizerBase, TokenizerBase]:
    """The two tokenizers, from a vocabulary that has a token for every character in the texts below."""
    vocabulary = (PLAIN / "vocab.txt").read_text(encoding="utf-8").split("\n")[:-1]
    text = (DATA / "multilingual.txt").read_text(encoding="utf-8")
    known = set(vocabulary)
    letters = sorted(set(text + text.lower() + unicodedata.normalize("NFD", text)) - {"\n"})
    vocabulary += [token for char in letters for token in (char, f"##{char}") if token not in known]
    with TemporaryDirectory() as directory:
        path = Path(directory) / "vocab.txt"
        path.write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
        settings = SETTINGS[name]
        return ConvBertTokenizer.from_vocab(path, settings), ConvBertTokenizerFast.from_vocab(path, settings)


def same(one: Tokens, other: Tokens) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in ("ids", "offsets", "words"))


SPECIAL_CASES = st.sampled_from(
    [
        *" \t\n\0\v\x85\xa0\ufffd\u200d\u2028.,$^'İ\u0131Σßé漢\uf900😀",
        *"\u0301\u302e\ua9c0\U0001d15e\U0001d165\u1734\u166d\ua9bd",
        *("[MASK]", "[SEP]", "##", "a", "the", "x" * 101),
    ]
)
TEXTS = st.lists(SPECIAL_CASES | st.characters(exclude_categories=["Cs"]).filter(in_both_tables)).map("".join)


@pytest.mark.parametrize("name", SETTINGS)
@given(text=TEXTS)
@example(text="İSTANBUL'da Iğd\u0131r\u0307 [MASK]ing [mask] \u0130\u0301")
@example(text="x" * 100 + " " + "x" * 101)
@example(text="\U0001d15e\u1714\u302e\0\U0001d165é")
def test_any_text_has_the_same_tokens(name: str, text: str) -> None:
    python, fast = both(name)
    assert same(python.encode_text(text), fast.encode_text(text))


@pytest.mark.parametrize("name", SETTINGS)
def test_every_character_has_the_same_tokens(name: str) -> None:
    python, fast = both(name)
    chars = [char for char in map(chr, range(sys.maxunicode + 1)) if in_both_tables(char)]
    assert len(chars) > 200_000
    for start in range(0, len(chars), 200):
        text = "a".join(chars[start : start + 200])
        assert same(python.encode_text(text), fast.encode_text(text)), hex(ord(chars[start]))


@pytest.mark.parametrize("name", SETTINGS)
def test_multilingual_text_has_the_same_tokens(name: str) -> None:
    python, fast = both(name)
    for text in (DATA / "multilingual.txt").read_text(encoding="utf-8").split("\n"):
        assert same(python.encode_text(text), fast.encode_text(text))
        assert python(text, text, return_offsets_mapping=True) == fast(text, text, return_offsets_mapping=True)


def test_the_comparison_sees_a_difference() -> None:
    python, fast = both("uncased")[0], both("turkish uncased")[1]
    assert same(python.encode_text("ada"), fast.encode_text("ada"))
    assert not same(python.encode_text("çağ"), fast.encode_text("çağ"))
    tokens = python.encode_text("one two")
    assert not same(tokens, Tokens(tokens.ids, tokens.offsets + 1, tokens.words))
    assert not same(tokens, Tokens(tokens.ids, tokens.offsets, tokens.words + 1))
