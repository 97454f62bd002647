import json
from pathlib import Path
from typing import Any

import pytest
from golden import ARCHITECTURES, CHECKPOINTS

from convbert_onnx.errors import BundleError
from convbert_onnx.runtime.tokenization.wordpiece_json import build_wordpiece_json, parse_wordpiece_json

PLAIN = CHECKPOINTS / "plain-question-answering"
CONTENT = json.loads((PLAIN / "tokenizer.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_built_file_is_the_references(architecture: str) -> None:
    directory = CHECKPOINTS / f"{architecture}-question-answering"
    settings = json.loads((directory / "tokenizer_config.json").read_text(encoding="utf-8"))
    built = json.loads(build_wordpiece_json(directory / "vocab.txt", settings))
    expected = json.loads((directory / "tokenizer.json").read_text(encoding="utf-8"))
    # Added tokens are merged in by TokenizerJson, and truncation is a leftover of the reference's last call.
    others = {"added_tokens": None, "truncation": None}
    assert built | others == expected | others


def test_special_tokens_are_those_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_text("<unk>\n<s>\n</s>\na\n", encoding="utf-8")
    settings = {"unk_token": "<unk>", "cls_token": "<s>", "sep_token": "</s>"}
    built = parse_wordpiece_json(json.loads(build_wordpiece_json(tmp_path / "vocab.txt", settings)))
    assert built.unk_token == "<unk>"
    assert (built.single.ids(), built.pair.ids()) == ([1, 2], [1, 2, 2])
    with pytest.raises(BundleError, match=r"lacks the special tokens \[CLS\], \[SEP\]: name them"):
        build_wordpiece_json(tmp_path / "vocab.txt", {})


def test_every_part_is_parsed() -> None:
    parsed = parse_wordpiece_json(CONTENT)
    assert (parsed.unk_token, parsed.prefix, parsed.max_word_chars) == ("[UNK]", "##", 100)
    assert (parsed.decoder_prefix, parsed.decoder_cleanup) == ("##", True)
    assert (parsed.single.ids(), parsed.single.text_types) == ([2, 3], (0,))
    assert (parsed.pair.ids(), parsed.pair.text_types) == ([2, 3, 3], (0, 1))
    assert parsed.normalizer.lowercase
    assert parsed.normalizer.strip_accents  # null in the file: as lower-casing


def test_bert_processing_has_the_templates_of_bert() -> None:
    processor = {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}
    parsed, expected = parse_wordpiece_json(CONTENT | {"post_processor": processor}), parse_wordpiece_json(CONTENT)
    assert parsed.pair.ids() == expected.pair.ids()
    assert parsed.pair.text_types == expected.pair.text_types


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"normalizer": None}, "normalizer None instead of BertNormalizer"),
        ({"pre_tokenizer": {"type": "Whitespace"}}, "pre_tokenizer Whitespace instead of BertPreTokenizer"),
        ({"decoder": 5}, "cannot be read .*5 is not of the type dict"),
        ({"decoder": {"type": "WordPiece", "prefix": "##"}}, "cannot be read .*cleanup"),
        ({"model": CONTENT["model"] | {"unk_token": 5}}, "cannot be read .*5 is not of the type str"),
        ({"post_processor": CONTENT["post_processor"] | {"pair": CONTENT["post_processor"]["single"]}}, "first text"),
        ({"post_processor": {"type": "BertProcessing", "sep": ["[SEP]", -3], "cls": ["[CLS]", 2]}}, "-3 is not an id"),
        ({"post_processor": {"type": "BertProcessing", "sep": [3], "cls": ["[CLS]", 2]}}, "is not a pair"),
    ],
)
def test_a_file_of_another_kind_or_with_wrong_types_is_refused(parts: dict[str, Any], message: str) -> None:
    with pytest.raises(BundleError, match=message):
        parse_wordpiece_json(CONTENT | parts)
