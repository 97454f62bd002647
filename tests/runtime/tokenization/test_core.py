import shutil
from itertools import pairwise
from pathlib import Path

import pytest
from golden import CHECKPOINTS, Exported

from convbert_onnx import ConvBertOnnxPipeline, ConvBertTokenizerFast
from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import BundleError, FileMissingError, InputError, InputTypeError
from convbert_onnx.runtime.tokenization.base import TokenizerBase
from convbert_onnx.runtime.tokenization.encoding import Tokens

PLAIN = CHECKPOINTS / "plain-question-answering"


def test_from_pretrained_reads_the_settings_of_the_directory(
    tokenizer_class: type[TokenizerBase], tmp_path: Path
) -> None:
    shutil.copy(PLAIN / "vocab.txt", tmp_path)
    (tmp_path / "tokenizer_config.json").write_text('{"do_lower_case": false, "max_len": 128, "pad_token": "[SEP]"}')
    tokenizer = tokenizer_class.from_pretrained(tmp_path)
    assert tokenizer.model_max_length == 128
    assert tokenizer.pad_token_id == 3
    upper, lower = (tokenizer.encode_text(text).ids.tolist() for text in ("The", "the"))
    assert upper != lower


def test_from_pretrained_keeps_accents_where_the_settings_do(
    tokenizer_class: type[TokenizerBase], tmp_path: Path
) -> None:
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nçağ\ncag\n", encoding="utf-8")
    (tmp_path / "tokenizer_config.json").write_text('{"do_lower_case": true, "strip_accents": false}')
    assert tokenizer_class.from_pretrained(tmp_path).tokenize("ÇAĞ") == ["çağ"]
    (tmp_path / "tokenizer_config.json").write_text('{"do_lower_case": true}')
    assert tokenizer_class.from_pretrained(tmp_path).tokenize("ÇAĞ") == ["cag"]


def test_from_pretrained_reads_files_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "tokenizer_config.json").write_text('{"do_lower_case": false}', encoding="utf-8-sig")
    (tmp_path / "tokenizer.json").write_text((PLAIN / "tokenizer.json").read_text("utf-8"), encoding="utf-8-sig")
    assert ConvBertTokenizerFast.from_pretrained(tmp_path).tokenize("The the") == ["[UNK]", "the"]


def test_from_pretrained_refuses_a_directory_without_tokenizer(
    tokenizer_class: type[TokenizerBase], tmp_path: Path
) -> None:
    with pytest.raises(FileMissingError, match="no tokenizer was found"):
        tokenizer_class.from_pretrained(tmp_path)
    (tmp_path / "vocab.txt").write_text("a\nb\n")
    with pytest.raises(BundleError, match=r"lacks the special tokens \[CLS\], \[SEP\]"):
        tokenizer_class.from_pretrained(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text("[]")
    with pytest.raises(BundleError, match="JSON object"):
        tokenizer_class.from_pretrained(tmp_path)


def test_encode_text_refuses_what_is_not_a_text(tokenizer_class: type[TokenizerBase]) -> None:
    tokenizer = tokenizer_class.from_pretrained(PLAIN)
    with pytest.raises(InputError, match="lone surrogate"):
        tokenizer.encode_text("half \ud83d character")
    with pytest.raises(InputTypeError, match="not bytes"):
        tokenizer.encode_text(b"bytes")  # type: ignore[arg-type]


def test_encode_words_counts_words_and_starts_offsets_in_each(tokenizer_class: type[TokenizerBase]) -> None:
    tokens = tokenizer_class.from_pretrained(PLAIN).encode_words(["a", "", "b c"])
    assert (tokens.ids.tolist(), tokens.words.tolist()) == ([43, 44, 45], [0, 2, 2])
    assert tokens.offsets.tolist() == [[0, 1], [0, 1], [2, 3]]
    assert len(tokenizer_class.from_pretrained(PLAIN).encode_words([])) == 0


def test_model_row_has_token_types_only_where_the_model_does(tokenizer_class: type[TokenizerBase]) -> None:
    for settings, types in (({}, [0, 0, 0, 1, 1]), ({"model_input_names": ["input_ids"]}, [0] * 5)):
        tokenizer = tokenizer_class.from_vocab(PLAIN / "vocab.txt", settings)
        row = tokenizer.model_row(tokenizer.encode_text("a"), tokenizer.encode_text("b"))
        assert row.ids.tolist() == [2, 43, 3, 44, 3]
        assert row.type_ids.tolist() == types


def test_windows_over_one_text(tokenizer_class: type[TokenizerBase]) -> None:
    tokenizer = tokenizer_class.from_pretrained(PLAIN)
    text = tokenizer.encode_text("a b c d e f g")
    rows = tokenizer.windows(text, max_length=5, stride=1)
    assert [row.ids[1:-1].tolist() for row in rows] == [text.ids[i : i + 3].tolist() for i in (0, 2, 4)]
    with pytest.raises(InputError, match="2 special tokens leave 0 of 2 tokens for the text"):
        tokenizer.windows(text, max_length=2, stride=0)


def test_windows_over_the_second_text_share_the_stride_and_cover_it(tokenizer_class: type[TokenizerBase]) -> None:
    tokenizer = tokenizer_class.from_pretrained(PLAIN)
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


@pytest.mark.parametrize(("max_length", "stride"), [(2, 0), (10, 8), (10, 9)])
def test_windows_need_room_for_more_than_the_stride(
    tokenizer_class: type[TokenizerBase], max_length: int, stride: int
) -> None:
    tokenizer = tokenizer_class.from_pretrained(PLAIN)
    with pytest.raises(InputError, match=f"2 special tokens leave {max_length - 2} of {max_length} tokens"):
        tokenizer.windows(Tokens.from_ids(range(9)), max_length, stride)
    assert len(tokenizer.windows(Tokens.from_ids(range(9)), 11, 50)) == 1  # one window, which repeats nothing


def test_windows_blame_a_long_first_text(tokenizer_class: type[TokenizerBase]) -> None:
    tokenizer = tokenizer_class.from_pretrained(PLAIN)
    with pytest.raises(InputError, match=r"9 tokens of the first text and 3 special tokens leave 0 of 10 .*shorten"):
        tokenizer.windows(Tokens.from_ids([5]), 10, 0, before=Tokens.from_ids(range(9)))


def test_windows_and_truncate_keep_the_end_where_text_is_cut_on_the_left(tokenizer_class: type[TokenizerBase]) -> None:
    tokenizer = tokenizer_class.from_vocab(PLAIN / "vocab.txt", {"truncation_side": "left"})
    text, other = tokenizer.encode_text("a b c d e f g"), tokenizer.encode_text("x")
    rows = tokenizer.windows(text, max_length=5, stride=1)
    assert [row.ids[1:-1].tolist() for row in rows] == [text.ids[i : i + 3].tolist() for i in (4, 2, 0)]
    assert tokenizer.truncate(text, 2).ids.tolist() == text.ids[-2:].tolist()
    (first, *_) = tokenizer.windows(text, max_length=7, stride=0, after=other)
    assert first.sequences.tolist() == [-1, 0, 0, 0, -1, 1, -1]
    assert first.ids[1:4].tolist() == text.ids[-3:].tolist()


def test_convert_tokens_to_ids_takes_one_token_or_a_list(tokenizer_class: type[TokenizerBase]) -> None:
    tokenizer = tokenizer_class.from_pretrained(PLAIN)
    assert tokenizer.convert_tokens_to_ids("a") == 43
    assert tokenizer.convert_tokens_to_ids(["a", "no such token"]) == [43, tokenizer.unk_token_id]
    assert tokenizer.convert_ids_to_tokens([43, 10**6]) == ["a", "[UNK]"]
    assert (tokenizer.token_id("a"), tokenizer.token_id("no such token")) == (43, None)


def directory_with(tmp_path: Path, vocabulary: str) -> Path:
    shutil.copy(PLAIN / "tokenizer_config.json", tmp_path)
    (tmp_path / "vocab.txt").write_text(vocabulary, encoding="utf-8")
    return tmp_path


def test_check_fits_ignores_empty_lines_at_the_end_of_the_vocabulary(
    tokenizer_class: type[TokenizerBase], tmp_path: Path
) -> None:
    config = ConvBertConfig.from_pretrained(PLAIN)
    vocabulary = (PLAIN / "vocab.txt").read_text(encoding="utf-8")
    tokenizer_class.from_pretrained(directory_with(tmp_path, vocabulary + "\n\n\n")).check_fits(config)
    tokenizer = tokenizer_class.from_pretrained(directory_with(tmp_path, vocabulary + "more\n"))
    with pytest.raises(InputError, match="ids up to 3425, the model only 3425"):
        tokenizer.check_fits(config)


def test_check_rows_refuses_special_tokens_that_the_vocabulary_lacks(
    tokenizer_class: type[TokenizerBase], exported: Exported, tmp_path: Path
) -> None:
    vocabulary = (PLAIN / "vocab.txt").read_text(encoding="utf-8")
    model = exported(task="text-classification")
    expected = ConvBertOnnxPipeline(model)(["It falls on the Amazon.", "It falls."])
    lacking = vocabulary.replace("[PAD]\n[UNK]\n", "pad\nunk\n").replace("[MASK]\n", "mask\n")
    pipe = ConvBertOnnxPipeline(model, tokenizer=tokenizer_class.from_pretrained(directory_with(tmp_path, lacking)))
    assert pipe(["It falls on the Amazon.", "It falls."]) == expected
    with pytest.raises(InputError, match=r"the text has the token \[MASK\], which the vocabulary lacks"):
        pipe("It [MASK].")
    with pytest.raises(InputError, match=r"no token for unknown words|Missing \[UNK\] token"):
        pipe("\N{SNOWMAN}")
