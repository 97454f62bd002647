import json
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from golden import ARCHITECTURES, CHECKPOINTS, tokenizer_cases

from convbert_onnx import ConvBertTokenizerFast
from convbert_onnx.errors import BundleError, FileMissingError, InputError, InputTypeError

PLAIN = CHECKPOINTS / "plain-question-answering"


@pytest.fixture(params=["tokenizer.json", "vocab.txt"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """A function from architecture to its tokenizer, made from one file or the other."""

    def tokenizer(architecture: str) -> ConvBertTokenizerFast:
        for name in (request.param, "tokenizer_config.json", "special_tokens_map.json"):
            shutil.copy(CHECKPOINTS / f"{architecture}-question-answering" / name, tmp_path)
        return ConvBertTokenizerFast.from_pretrained(tmp_path)

    return tokenizer


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_tokens_are_the_references(make: Any, architecture: str) -> None:
    tokenizer = make(architecture)
    for case in tokenizer_cases(architecture):
        first = tokenizer.encode_text(case["text"])
        if "pair" in case:
            (row,) = tokenizer.windows(tokenizer.encode_text(case["pair"]), 10_000, 0, before=first)
            assert row.ids.tolist() == case["ids"]
            assert row.type_ids.tolist() == case["types"]
        else:
            assert first.ids.tolist() == case["ids"][1:-1]
            assert first.offsets.tolist() == case["offsets"][1:-1]


def test_truncation_and_padding_in_a_tokenizer_json_are_switched_off() -> None:
    values = json.loads((PLAIN / "tokenizer.json").read_text())
    values["truncation"] = {"direction": "Right", "max_length": 5, "strategy": "LongestFirst", "stride": 0}
    values["padding"] = {
        "strategy": {"Fixed": 50},
        "direction": "Right",
        "pad_to_multiple_of": None,
        "pad_id": 0,
        "pad_type_id": 0,
        "pad_token": "[PAD]",
    }
    text = "one two three four five six seven eight nine ten eleven twelve"
    plain = ConvBertTokenizerFast.from_pretrained(PLAIN).encode_text(text)
    assert len(plain) > 10
    assert ConvBertTokenizerFast(json.dumps(values)).encode_text(text).ids.tolist() == plain.ids.tolist()


def test_the_json_is_kept_verbatim() -> None:
    text = (PLAIN / "tokenizer.json").read_text()
    tokenizer = ConvBertTokenizerFast.from_pretrained(PLAIN)
    assert tokenizer.tokenizer_json == text
    assert tokenizer.files()["tokenizer.json"] == text


def test_the_template_is_the_tokenizers_own() -> None:
    values = json.loads((PLAIN / "tokenizer.json").read_text())
    values["post_processor"] = {  # as RoBERTa has it: two separators between the texts, one type
        "type": "RobertaProcessing",
        "sep": ["[SEP]", 3],
        "cls": ["[CLS]", 2],
        "trim_offsets": True,
        "add_prefix_space": False,
    }
    tokenizer = ConvBertTokenizerFast(json.dumps(values))
    (row,) = tokenizer.windows(tokenizer.encode_text("b"), 10, 0, before=tokenizer.encode_text("a"))
    assert row.ids.tolist() == [2, 43, 3, 3, 44, 3]
    assert set(row.type_ids.tolist()) == {0}
    assert tokenizer.num_special_tokens(pair=True) == 4
    assert tokenizer.num_special_tokens() == 2


def test_windows_share_the_stride_and_cover_the_second_text() -> None:
    tokenizer = ConvBertTokenizerFast.from_pretrained(PLAIN)
    first, second = tokenizer.encode_text("who?"), tokenizer.encode_text("a b c d e f g h i j k")
    rows = tokenizer.windows(second, max_length=10, before=first, stride=2)
    parts = [row.ids[row.sequences == 1].tolist() for row in rows]
    room = 10 - len(first) - 3
    assert [len(row) for row in rows[:-1]] == [10] * (len(rows) - 1)
    assert all(one[-2:] == other[:2] for one, other in pairwise(parts))
    assert parts[0] + [number for part in parts[1:] for number in part[2:]] == second.ids.tolist()
    for stride in (room, room + 1):
        with pytest.raises(InputError, match="shorten the first text"):
            tokenizer.windows(second, max_length=10, before=first, stride=stride)


def test_settings_come_from_the_directory(tmp_path: Path) -> None:
    shutil.copy(PLAIN / "vocab.txt", tmp_path)
    (tmp_path / "tokenizer_config.json").write_text('{"do_lower_case": false, "max_len": 128, "pad_token": "[SEP]"}')
    tokenizer = ConvBertTokenizerFast.from_pretrained(tmp_path)
    assert tokenizer.model_max_length == 128
    assert tokenizer.pad_token_id == 3
    upper, lower = (tokenizer.encode_text(text).ids.tolist() for text in ("The", "the"))
    assert upper != lower


def test_a_huge_maximum_means_none() -> None:
    tokenizer = ConvBertTokenizerFast((PLAIN / "tokenizer.json").read_text(), {"model_max_length": 10**30})
    assert tokenizer.model_max_length is None


def test_line_separators_can_be_tokens(tmp_path: Path) -> None:
    shutil.copy(PLAIN / "vocab.txt", tmp_path / "vocab.txt")
    with (tmp_path / "vocab.txt").open("a", encoding="utf-8") as vocab:
        vocab.write("\u2028\nlast\n")
    plain, longer = (ConvBertTokenizerFast.from_pretrained(folder) for folder in (PLAIN, tmp_path))
    assert longer.vocab_size == plain.vocab_size + 2


def test_what_is_no_text_is_refused() -> None:
    tokenizer = ConvBertTokenizerFast.from_pretrained(PLAIN)
    with pytest.raises(InputError, match="lone surrogate"):
        tokenizer.encode_text("half \ud83d character")
    with pytest.raises(InputTypeError, match="not bytes"):
        tokenizer.encode_text(b"bytes")  # type: ignore[arg-type]


def test_what_is_no_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileMissingError, match="no tokenizer was found"):
        ConvBertTokenizerFast.from_pretrained(tmp_path)
    with pytest.raises(BundleError, match="cannot be read"):
        ConvBertTokenizerFast("{}")
    (tmp_path / "vocab.txt").write_text("a\nb\n")
    with pytest.raises(BundleError, match=r"lacks the special tokens \[CLS\], \[SEP\]"):
        ConvBertTokenizerFast.from_pretrained(tmp_path)
    (tmp_path / "vocab.txt").write_bytes(b"\xff\n")
    with pytest.raises(BundleError, match="not UTF-8"):
        ConvBertTokenizerFast.from_pretrained(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text("[]")
    with pytest.raises(BundleError, match="JSON object"):
        ConvBertTokenizerFast.from_pretrained(tmp_path)
