import json
import shutil
from pathlib import Path

import pytest
from golden import ARCHITECTURES, CHECKPOINTS, tokenizer_cases

from convbert_onnx import ConvBertTokenizer, ConvBertTokenizerFast
from convbert_onnx.errors import BundleError, InputError

PLAIN = CHECKPOINTS / "plain-question-answering"
JSON = json.loads((PLAIN / "tokenizer.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("source", ["tokenizer.json", "vocab.txt"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_tokens_are_the_references(architecture: str, source: str, tmp_path: Path) -> None:
    for name in (source, "tokenizer_config.json", "special_tokens_map.json"):
        shutil.copy(CHECKPOINTS / f"{architecture}-question-answering" / name, tmp_path)
    tokenizer = ConvBertTokenizerFast.from_pretrained(tmp_path)
    for case in tokenizer_cases(architecture):
        first = tokenizer.encode_text(case["text"])
        if "pair" in case:
            row = tokenizer.model_row(first, tokenizer.encode_text(case["pair"]))
            assert row.ids.tolist() == case["ids"]
            assert row.type_ids.tolist() == case["types"]
        else:
            assert first.ids.tolist() == case["ids"][1:-1]
            assert first.offsets.tolist() == case["offsets"][1:-1]


def test_truncation_and_padding_of_a_tokenizer_json_are_switched_off() -> None:
    truncation = {"direction": "Right", "max_length": 5, "strategy": "LongestFirst", "stride": 0}
    padding = {
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
    tokenizer = ConvBertTokenizerFast(json.dumps(JSON | {"truncation": truncation, "padding": padding}))
    assert tokenizer.encode_text(text).ids.tolist() == plain.ids.tolist()


def test_the_template_is_that_of_the_post_processor() -> None:
    processor = {  # as in RoBERTa: two separators between the texts, one token type
        "type": "RobertaProcessing",
        "sep": ["[SEP]", 3],
        "cls": ["[CLS]", 2],
        "trim_offsets": True,
        "add_prefix_space": False,
    }
    tokenizer = ConvBertTokenizerFast(json.dumps(JSON | {"post_processor": processor}))
    row = tokenizer.model_row(tokenizer.encode_text("a"), tokenizer.encode_text("b"))
    assert row.ids.tolist() == [2, 43, 3, 3, 44, 3]
    assert set(row.type_ids.tolist()) == {0}
    assert tokenizer.num_special_tokens(pair=True) == 4
    assert tokenizer.num_special_tokens() == 2


def test_a_template_with_the_second_text_first_is_refused() -> None:
    processor = JSON["post_processor"] | {"pair": [{"Sequence": {"id": name, "type_id": 0}} for name in ("B", "A")]}
    with pytest.raises(BundleError, match="does not put the first text before the second"):
        ConvBertTokenizerFast(json.dumps(JSON | {"post_processor": processor}))


def test_a_json_that_the_library_cannot_read_is_refused() -> None:
    with pytest.raises(BundleError, match=r"the tokenizer\.json cannot be read"):
        ConvBertTokenizerFast(json.dumps(JSON | {"model": {"vocab": {}}}))


def test_a_panic_of_the_library_becomes_an_input_error() -> None:
    pattern = {"type": "Replace", "pattern": {"Regex": "(a|aa)+$"}, "content": "\u2581"}
    with pytest.raises(InputError, match=r"cannot encode the text .*retry-limit"):
        ConvBertTokenizerFast(json.dumps(JSON | {"normalizer": pattern})).encode_text("a" * 60 + "!")


def test_tokens_are_joined_with_blanks_without_a_decoder() -> None:
    tokenizer = ConvBertTokenizerFast(json.dumps(JSON | {"decoder": None}))
    assert tokenizer.convert_tokens_to_string(["a", "##b"]) == "a ##b"


def bpe_json() -> str:
    """A small BPE tokenizer.json, as a conversion of the Korean checkpoint's vocab.json and merges.txt gives one."""
    from tokenizers import Tokenizer, decoders, pre_tokenizers
    from tokenizers.models import BPE
    from tokenizers.processors import BertProcessing
    from tokenizers.trainers import BpeTrainer

    tokenizer = Tokenizer(BPE(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(
        ["나는 학교에 간다", "학교에 가는 나"] * 5, BpeTrainer(special_tokens=special, vocab_size=60)
    )
    tokenizer.post_processor = BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return str(tokenizer.to_str())


def test_a_bpe_tokenizer_json_works(tmp_path: Path) -> None:
    tokenizer = ConvBertTokenizerFast(bpe_json())
    text = "나는 학교에 간다"
    found = tokenizer(text, "나", return_offsets_mapping=True)
    assert found["input_ids"][0] == tokenizer.cls_token_id
    assert found["input_ids"].count(tokenizer.sep_token_id) == 2
    assert found["token_type_ids"][-2:] == [1, 1]
    assert tokenizer.decode(found["input_ids"], skip_special_tokens=True).startswith(text)
    start, end = tokenizer.encode_text(text).offsets[0]
    assert text[start:end] == "나는"
    assert tokenizer.convert_tokens_to_ids("▁나는") != tokenizer.unk_token_id
    paths = tokenizer.save_vocabulary(tmp_path / "ko")
    assert sorted(Path(path).name for path in paths) == ["merges.txt", "vocab.json"]
    with pytest.raises(BundleError, match=r"model BPE instead of WordPiece.*pip install tokenizers"):
        ConvBertTokenizer.from_tokenizer_json(bpe_json())
