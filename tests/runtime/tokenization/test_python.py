import json
import shutil
from pathlib import Path

import pytest
from golden import ARCHITECTURES, CHECKPOINTS, tokenizer_cases

from convbert_onnx import ConvBertTokenizer
from convbert_onnx.errors import BundleError, FileMissingError

PLAIN = CHECKPOINTS / "plain-question-answering"


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_calls_give_the_references_values(architecture: str, tmp_path: Path) -> None:
    for name in ("vocab.txt", "tokenizer_config.json"):
        shutil.copy(CHECKPOINTS / f"{architecture}-question-answering" / name, tmp_path)
    tokenizer = ConvBertTokenizer.from_pretrained(tmp_path)
    for case in tokenizer_cases(architecture):
        found = tokenizer(case["text"], case.get("pair"), return_offsets_mapping=True, return_special_tokens_mask=True)
        assert found["input_ids"] == case["ids"]
        if "pair" in case:
            assert found["token_type_ids"] == case["types"]
        else:
            assert [list(offsets) for offsets in found["offset_mapping"]] == case["offsets"]
            assert found["special_tokens_mask"] == case["special"]


def test_from_pretrained_needs_a_vocab_txt(tmp_path: Path) -> None:
    shutil.copy(PLAIN / "tokenizer.json", tmp_path)
    with pytest.raises(FileMissingError, match=r"put vocab\.txt there"):
        ConvBertTokenizer.from_pretrained(tmp_path)


def test_a_tokenizer_json_of_another_kind_is_refused() -> None:
    content = json.loads((PLAIN / "tokenizer.json").read_text(encoding="utf-8"))
    with pytest.raises(BundleError, match="pre_tokenizer Whitespace instead of BertPreTokenizer"):
        ConvBertTokenizer.from_tokenizer_json(json.dumps(content | {"pre_tokenizer": {"type": "Whitespace"}}))


def test_convert_tokens_to_string_joins_pieces_and_cleans_up() -> None:
    tokenizer = ConvBertTokenizer.from_pretrained(PLAIN)
    assert tokenizer.convert_tokens_to_string(["##a", "b", "##c", ",", "do", "n't"]) == "##a bc, don't"
    assert tokenizer.convert_tokens_to_string([]) == ""


def test_saved_files_include_the_vocabulary(tmp_path: Path) -> None:
    tokenizer = ConvBertTokenizer.from_pretrained(PLAIN)
    assert set(tokenizer.files()) == {"vocab.txt", "tokenizer.json", "tokenizer_config.json"}
    (path,) = tokenizer.save_vocabulary(tmp_path / "new", "small")
    assert Path(path) == tmp_path / "new" / "small-vocab.txt"
    assert Path(path).read_bytes() == (PLAIN / "vocab.txt").read_bytes()
