import json
import shutil
import subprocess
import sys
import unicodedata
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from golden import ARCHITECTURES, CHECKPOINTS, DATA, Exported, tokenizer_cases
from hypothesis import example, given
from hypothesis import strategies as st

from convbert_onnx import ConvBertTokenizer, ConvBertTokenizerFast
from convbert_onnx.errors import BundleError, FileMissingError, InputError, InputTypeError
from convbert_onnx.runtime.tokenization.base import TokenizerBase
from convbert_onnx.runtime.tokenization.encoding import Tokens
from convbert_onnx.runtime.tokenization.loading import load_tokenizer

PLAIN = CHECKPOINTS / "plain-question-answering"
CLASSES: list[type[TokenizerBase]] = [ConvBertTokenizer, ConvBertTokenizerFast]
SETTINGS: dict[str, dict[str, Any]] = {
    "uncased": {},
    "cased": {"do_lower_case": False},
    "turkish uncased": {"do_lower_case": True, "strip_accents": False},
    "cased without accents": {"do_lower_case": False, "strip_accents": True},
    "words of Chinese": {"tokenize_chinese_chars": False},
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
def test_both_agree_on_every_text(name: str, text: str) -> None:
    python, fast = both(name)
    assert same(python.encode_text(text), fast.encode_text(text))


@pytest.mark.parametrize("name", SETTINGS)
def test_both_agree_on_every_character(name: str) -> None:
    python, fast = both(name)
    chars = [char for char in map(chr, range(sys.maxunicode + 1)) if in_both_tables(char)]
    assert len(chars) > 200_000
    for start in range(0, len(chars), 200):
        text = "a".join(chars[start : start + 200])
        assert same(python.encode_text(text), fast.encode_text(text)), hex(ord(chars[start]))


@pytest.mark.parametrize("name", SETTINGS)
def test_both_agree_on_real_text(name: str) -> None:
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


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_tokens_are_the_references(architecture: str, tmp_path: Path) -> None:
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


@pytest.mark.parametrize("kind", CLASSES)
def test_turkish_keeps_its_accents(kind: type[TokenizerBase], tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nçağ\ncag\n", encoding="utf-8")
    (tmp_path / "tokenizer_config.json").write_text('{"do_lower_case": true, "strip_accents": false}')
    assert kind.from_pretrained(tmp_path).tokenize("ÇAĞ") == ["çağ"]
    (tmp_path / "tokenizer_config.json").write_text('{"do_lower_case": true}')
    assert kind.from_pretrained(tmp_path).tokenize("ÇAĞ") == ["cag"]


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("other", CLASSES)
def test_what_is_saved_is_read_by_both(kind: type[TokenizerBase], other: type[TokenizerBase], tmp_path: Path) -> None:
    tokenizer = ConvBertTokenizer.from_pretrained(CHECKPOINTS / "cased-question-answering")
    if kind is ConvBertTokenizerFast:
        tokenizer.save_vocabulary(tmp_path)
    kind.from_pretrained(CHECKPOINTS / "cased-question-answering").save_pretrained(tmp_path)
    again = other.from_pretrained(tmp_path)
    assert again.settings == tokenizer.settings
    assert again.get_vocab() == tokenizer.get_vocab()
    assert again("Été [MASK]") == tokenizer("Été [MASK]") != again("ete [MASK]")


@pytest.mark.parametrize("kind", CLASSES)
def test_a_vocabulary_with_a_doubled_line_keeps_its_ids(kind: type[TokenizerBase], tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\na\nc\n")
    tokenizer = ConvBertTokenizer.from_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path / "again")
    again = kind.from_pretrained(tmp_path / "again")
    assert again.get_vocab() == tokenizer.get_vocab()
    assert again.convert_tokens_to_ids(["a", "b", "c"]) == [7, 6, 8]


JAPANESE = [
    ({"word_tokenizer_type": "mecab"}, "the analyser mecab"),
    ({"word_tokenizer_type": "sudachi"}, "the analyser sudachi"),
    ({"word_tokenizer_type": "jumanpp"}, "the analyser jumanpp"),
    ({"tokenizer_class": "BertJapaneseTokenizer"}, "BertJapaneseTokenizer"),
]


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize(("settings", "reason"), JAPANESE)
def test_a_tokenizer_with_a_dictionary_is_refused(
    kind: type[TokenizerBase], settings: dict[str, str], reason: str, tmp_path: Path
) -> None:
    shutil.copy(PLAIN / "vocab.txt", tmp_path)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    for read in (kind.from_pretrained, load_tokenizer):
        with pytest.raises(BundleError, match=f"{reason} and its dictionary.*use a checkpoint with a tokenizer.json"):
            read(tmp_path)
    shutil.copy(PLAIN / "tokenizer.json", tmp_path)
    assert load_tokenizer(tmp_path).tokenize("a") == ["a"]


def bpe_json(tmp_path: Path) -> str:
    """A small BPE tokenizer.json, as converting the Korean checkpoint's vocab.json and merges.txt gives one."""
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
    tokenizer = ConvBertTokenizerFast(bpe_json(tmp_path))
    text = "나는 학교에 간다"
    found = tokenizer(text, "나", return_offsets_mapping=True)
    assert found["input_ids"][0] == tokenizer.cls_token_id
    assert found["input_ids"].count(tokenizer.sep_token_id or -1) == 2
    assert found["token_type_ids"][-2:] == [1, 1]
    assert tokenizer.decode(found["input_ids"], skip_special_tokens=True).startswith(text)
    start, end = tokenizer.encode_text(text).offsets[0]
    assert text[start:end] == "나는"
    assert tokenizer.convert_tokens_to_ids("▁나는") != tokenizer.unk_token_id
    paths = tokenizer.save_vocabulary(tmp_path / "ko")
    assert sorted(Path(path).name for path in paths) == ["merges.txt", "vocab.json"]
    with pytest.raises(BundleError, match=r"model BPE instead of WordPiece.*pip install tokenizers"):
        ConvBertTokenizer.from_tokenizer_json(bpe_json(tmp_path))


def changed(**parts: Any) -> str:
    return json.dumps(json.loads((PLAIN / "tokenizer.json").read_text()) | parts)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        (changed(normalizer=None), "normalizer None instead of BertNormalizer"),
        (changed(pre_tokenizer={"type": "Whitespace"}), "pre_tokenizer Whitespace instead of BertPreTokenizer"),
    ],
)
def test_what_python_cannot_do_is_refused(text: str, message: str) -> None:
    with pytest.raises(BundleError, match=message):
        ConvBertTokenizer.from_tokenizer_json(text)


def test_a_directory_without_vocabulary_is_refused(tmp_path: Path) -> None:
    shutil.copy(PLAIN / "tokenizer.json", tmp_path)
    with pytest.raises(FileMissingError, match=r"put vocab\.txt there"):
        ConvBertTokenizer.from_pretrained(tmp_path)


@pytest.mark.parametrize("kind", CLASSES)
def test_calls_that_cannot_be_answered_are_refused(kind: type[TokenizerBase]) -> None:
    tokenizer = kind.from_pretrained(PLAIN)
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
    ]
    for arguments, options, message in calls:
        with pytest.raises(InputError, match=message):
            tokenizer(*arguments, **options)
    wrong: list[tuple[Any, ...]] = [(b"bytes",), (["a", 5],), ("a", ["b"]), (["a"], "b"), (None,)]
    for arguments in wrong:
        with pytest.raises(InputTypeError):
            tokenizer(*arguments)
    with pytest.raises(InputError, match="pass token_ids_0 alone"):
        tokenizer.get_special_tokens_mask([2, 3], [5], already_has_special_tokens=True)


@pytest.mark.parametrize("kind", CLASSES)
def test_windows_over_one_text(kind: type[TokenizerBase]) -> None:
    tokenizer = kind.from_pretrained(PLAIN)
    text = tokenizer.encode_text("a b c d e f g")
    rows = tokenizer.windows(text, max_length=5, stride=1)
    assert [row.ids[1:-1].tolist() for row in rows] == [text.ids[i : i + 3].tolist() for i in (0, 2, 4)]
    assert tokenizer.model_row(text).ids[1:-1].tolist() == text.ids.tolist()
    assert tokenizer.model_row(text, text).sequences.tolist().count(1) == len(text)
    with pytest.raises(InputError, match="2 special tokens leave 0 of 2 tokens for the text"):
        tokenizer.windows(text, max_length=2, stride=0)


def answer(model: Path, without: tuple[str, ...]) -> str:
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({without!r}))\n"
        "from convbert_onnx import ConvBertOnnxPipeline\n"
        f"pipe = ConvBertOnnxPipeline({str(model)!r})\n"
        "answer = pipe(question='Who wrote Çağ?', context='Ada wrote it (in [MASK] 1843), with Été.', top_k=3)\n"
        "print(type(pipe.tokenizer).__name__, answer, sep='|')"
    )
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("architecture", ["plain", "cased"])
def test_a_model_answers_alike_without_the_library(exported: Exported, architecture: str) -> None:
    model = exported(architecture)
    fast, fast_answer = answer(model, ()).split("|")
    python, python_answer = answer(model, ("tokenizers", "torch", "onnx", "transformers")).split("|")
    assert (fast, python) == ("ConvBertTokenizerFast", "ConvBertTokenizer")
    assert python_answer == fast_answer
    other = answer(exported("cased" if architecture == "plain" else "plain"), ()).split("|")[1]
    assert other != fast_answer
