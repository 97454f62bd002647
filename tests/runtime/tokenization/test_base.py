from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden import CHECKPOINTS

from convbert_onnx import ConvBertTokenizer, ConvBertTokenizerFast
from convbert_onnx.errors import InputError, InputTypeError
from convbert_onnx.runtime.tokenization.base import TokenizerBase

CLASSES: list[type[TokenizerBase]] = [ConvBertTokenizer, ConvBertTokenizerFast]
PLAIN = CHECKPOINTS / "plain-question-answering"


def test_a_call_returns_lists_or_arrays(tokenizer_class: type[TokenizerBase]) -> None:
    tokenizer = tokenizer_class.from_pretrained(PLAIN)
    assert tokenizer("a b", return_offsets_mapping=True) == {
        "input_ids": [2, 43, 44, 3],
        "token_type_ids": [0, 0, 0, 0],
        "attention_mask": [1, 1, 1, 1],
        "offset_mapping": [(0, 0), (0, 1), (2, 3), (0, 0)],
    }
    arrays = tokenizer(["a", "a b"], padding=True, return_tensors="np")
    assert arrays["input_ids"].tolist() == [[2, 43, 3, 0], [2, 43, 44, 3]]
    assert arrays["attention_mask"].tolist() == [[1, 1, 1, 0], [1, 1, 1, 1]]
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.int64)}


def test_a_call_returns_overflowing_tokens_as_rows_on_request(tokenizer_class: type[TokenizerBase]) -> None:
    tokenizer = tokenizer_class.from_pretrained(PLAIN)
    found = tokenizer(["a", "a b c"], max_length=4, return_overflowing_tokens=True, return_special_tokens_mask=True)
    assert found["input_ids"] == [[2, 43, 3], [2, 43, 44, 3], [2, 45, 3]]
    assert found["overflow_to_sample_mapping"] == [0, 1, 1]
    assert found["special_tokens_mask"][1] == [1, 0, 0, 1]
    assert tokenizer(["a", "a b c"], max_length=4)["input_ids"] == [[2, 43, 3], [2, 43, 44, 3]]


def test_a_call_that_cannot_be_answered_is_refused(tokenizer_class: type[TokenizerBase]) -> None:
    tokenizer = tokenizer_class.from_pretrained(PLAIN)
    long = "one two three four five six seven eight"
    calls: list[tuple[tuple[Any, ...], dict[str, Any], str]] = [
        ((long,), {"max_length": 1}, "1 less than the special tokens alone"),
        ((long,), {"truncation": "only_second", "max_length": 5}, "there is no second text"),
        (("a", long), {"truncation": "only_first", "max_length": 5}, "the first text has only 1"),
        ((long,), {"max_length": 5, "stride": 3}, "no row would bring new tokens"),
        ((["a", long],), {"return_tensors": "np"}, "pass padding=True"),
        ((["a"], ["a", "b"]), {}, "1 texts but 2 in text_pair"),
        ((long,), {"padding": "left"}, "padding parameter should be one of"),
        ((long,), {"return_tensors": "pt"}, "return_tensors parameter should be one of"),
        ((long,), {"stride": -1}, "stride"),
        ((long,), {"max_length": 0}, "max_length"),
    ]
    for arguments, options, message in calls:
        with pytest.raises(InputError, match=message):
            tokenizer(*arguments, **options)
    with pytest.raises(InputTypeError):
        tokenizer(b"bytes")  # type: ignore[arg-type]
    with pytest.raises(InputTypeError):
        tokenizer(["a", 5], is_split_into_words=True)  # type: ignore[list-item]


def test_get_special_tokens_mask_of_a_whole_row(tokenizer_class: type[TokenizerBase]) -> None:
    tokenizer = tokenizer_class.from_pretrained(PLAIN)
    assert tokenizer.get_special_tokens_mask([2, 43, 3], already_has_special_tokens=True) == [1, 0, 1]
    assert tokenizer.get_special_tokens_mask([43], [44]) == [1, 0, 1, 0, 1]
    with pytest.raises(InputError, match="pass token_ids_0 alone"):
        tokenizer.get_special_tokens_mask([2, 3], [5], already_has_special_tokens=True)


def test_decode_takes_one_id_or_many(tokenizer_class: type[TokenizerBase]) -> None:
    tokenizer = tokenizer_class.from_pretrained(PLAIN)
    assert tokenizer.decode(43) == "a"
    assert tokenizer.decode(np.array([2, 43, 10**6, 3])) == "[CLS] a [SEP]"
    assert tokenizer.decode([2, 43, 3], skip_special_tokens=True) == "a"


def test_decode_cleans_up_as_the_setting_says(tokenizer_class: type[TokenizerBase]) -> None:
    content = (PLAIN / "tokenizer.json").read_text(encoding="utf-8").replace('"cleanup": true', '"cleanup": false')
    for setting, expected in ((True, "a."), (False, "a .")):
        tokenizer = tokenizer_class(content, {"clean_up_tokenization_spaces": setting})
        ids = tokenizer.encode_text("a.").ids
        assert tokenizer.decode(ids) == expected
        assert tokenizer.decode(ids, clean_up_tokenization_spaces=False) == "a ."


@pytest.mark.parametrize("reader", CLASSES)
def test_what_is_saved_is_read_by_both_classes(
    tokenizer_class: type[TokenizerBase], reader: type[TokenizerBase], tmp_path: Path
) -> None:
    tokenizer = ConvBertTokenizer.from_pretrained(CHECKPOINTS / "cased-question-answering")
    if tokenizer_class is ConvBertTokenizerFast:
        tokenizer.save_vocabulary(tmp_path)
    tokenizer_class.from_pretrained(CHECKPOINTS / "cased-question-answering").save_pretrained(tmp_path)
    again = reader.from_pretrained(tmp_path)
    assert again.settings == tokenizer.settings
    assert again.get_vocab() == tokenizer.get_vocab()
    assert again("Été [MASK]") == tokenizer("Été [MASK]") != again("ete [MASK]")


def test_what_is_saved_keeps_added_tokens(tokenizer_class: type[TokenizerBase], tmp_path: Path) -> None:
    settings = {"added_tokens_decoder": {"3425": {"content": "<x>", "lstrip": True, "special": True}}}
    tokenizer = tokenizer_class.from_vocab(PLAIN / "vocab.txt", settings)
    tokenizer.save_pretrained(tmp_path)
    if tokenizer_class is ConvBertTokenizer:
        (tmp_path / "tokenizer.json").unlink()
    again = tokenizer_class.from_pretrained(tmp_path)
    assert again("a <x>b")["input_ids"] == tokenizer("a <x>b")["input_ids"] == [2, 43, 3425, 44, 3]
    assert again.tokenizer_json == tokenizer.tokenizer_json


def test_what_is_saved_keeps_the_ids_of_a_vocabulary_with_a_repeated_token(
    tokenizer_class: type[TokenizerBase], tmp_path: Path
) -> None:
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\na\nc\n")
    tokenizer = ConvBertTokenizer.from_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path / "again")
    again = tokenizer_class.from_pretrained(tmp_path / "again")
    assert again.get_vocab() == tokenizer.get_vocab()
    assert again.convert_tokens_to_ids(["a", "b", "c"]) == [7, 6, 8]
