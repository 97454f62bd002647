from typing import Any

import pytest

from convbert_onnx.errors import BundleError
from convbert_onnx.runtime.tokenization.cost_limits import check_cost

DOUBLING = {"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}
BLANKS = {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "\u2581"}
REPEATED = {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A", "type_id": 0}}] * 3}


def sequence(count: int, **step: Any) -> dict[str, Any]:
    return {"type": "Sequence", "normalizers": [step] * count}


def replacing(pattern: str) -> dict[str, Any]:
    return {"normalizer": BLANKS | {"pattern": {"Regex": pattern}}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"normalizer": sequence(40, **DOUBLING)}, "normalizer of the tokenizer.json can make a text more than 100"),
        ({"normalizer": sequence(3, **sequence(3, **DOUBLING | {"content": "aaa"}))}, "more than 100 times"),
        ({"normalizer": sequence(20, type="Prepend", prepend="aaa")}, "more than 100 times"),
        ({"normalizer": sequence(9, type="ByteLevel")}, "more than 100 times"),
        ({"normalizer": DOUBLING | {"pattern": {"Regex": ""}, "content": "a" * 200}}, "more than 100 times"),
        ({"normalizer": DOUBLING | {"pattern": {"String": ""}, "content": "a" * 200}}, "more than 100 times"),
        (
            {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "ByteLevel"}] * 9}},
            "pre_tokenizer .* more",
        ),
        ({"decoder": {"type": "Sequence", "decoders": [DOUBLING] * 9}}, "decoder .* more than 100"),
        (replacing("(a+)+$"), "repeats a group that itself repeats"),
        (replacing("((a{2,})b)*"), "repeats a group that itself repeats"),
        ({"model": {"max_input_chars_per_word": 10**9}}, "at most 1000"),
        ({"model": {"max_input_chars_per_word": "100"}}, "at most 1000"),
        ({"post_processor": REPEATED}, "repeats a text"),
        ({"post_processor": {"type": "Sequence", "processors": [REPEATED]}}, "repeats a text"),
    ],
)
def test_check_cost_refuses_parts_without_bounds(content: dict[str, Any], message: str) -> None:
    with pytest.raises(BundleError, match=message):
        check_cost(content)


@pytest.mark.parametrize(
    "content",
    [
        {
            "normalizer": sequence(1, **DOUBLING)
            | {"normalizers": [DOUBLING, {"type": "NFKD"}, {"type": "Lowercase"}, BLANKS]}
        },
        {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "not base64"}},
        replacing(r"(a+)b|(\(c*\))d|([(*]e)+|(f{2})*"),
        {"model": {"max_input_chars_per_word": 1000}, "post_processor": None, "decoder": "anything"},
        {},
    ],
)
def test_check_cost_accepts_usual_parts(content: dict[str, Any]) -> None:
    check_cost(content)


def test_check_cost_measures_sentencepiece_tables() -> None:
    from base64 import b64encode

    def table(replacement: str) -> dict[str, Any]:
        data = (0).to_bytes(4, "little") + b"a\0" + replacement.encode() + b"\0"
        return {"normalizer": {"type": "Precompiled", "precompiled_charsmap": b64encode(data).decode()}}

    check_cost(table("é" * 100))
    with pytest.raises(BundleError, match="more than 100 times"):
        check_cost(table("é" * 101))
