"""What a call must not do again for each text, and what models get whose tokenizers are special."""

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from golden import CHECKPOINTS, QUESTION, Exported

from convbert_onnx import ConvBertOnnxPipeline, ConvBertTokenizer, ConvBertTokenizerFast
from convbert_onnx.errors import InputError
from convbert_onnx.runtime import evaluate
from convbert_onnx.runtime.tokenization.base import TokenizerBase

CLASSES: list[type[TokenizerBase]] = [ConvBertTokenizer, ConvBertTokenizerFast]
PLAIN = CHECKPOINTS / "plain-question-answering"
CALLS: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "token-classification": ((["Ada met Bob in Denver."] * 3,), {"aggregation_strategy": "first"}),
    "fill-mask": ((["It [MASK] on the Amazon."] * 3,), {"targets": ["falls", "the"]}),
    "text-classification": ((["It falls."] * 3,), {}),
    "question-answering": ((), QUESTION),
}


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("task", CALLS)
@pytest.mark.filterwarnings("ignore:the vocabulary has no word")
def test_no_call_reads_or_copies_the_vocabulary(
    kind: type[TokenizerBase], task: str, exported: Exported, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = ConvBertOnnxPipeline(exported(task=task), tokenizer=kind.from_pretrained(PLAIN))
    args, options = CALLS[task]
    pipe(*args, **options)
    counts: Counter[str] = Counter()
    loads, get_vocab = json.loads, kind.get_vocab
    monkeypatch.setattr(json, "loads", lambda *given, **named: (counts.update(["loads"]), loads(*given, **named))[1])
    monkeypatch.setattr(kind, "get_vocab", lambda self: (counts.update(["get_vocab"]), get_vocab(self))[1])
    pipe(*args, **options)
    assert counts == {}
    json.loads("1")
    pipe.tokenizer.get_vocab()
    assert counts == {"loads": 1, "get_vocab": 1}


def directory_with(tmp_path: Path, vocabulary: str) -> Path:
    shutil.copy(PLAIN / "tokenizer_config.json", tmp_path)
    (tmp_path / "vocab.txt").write_text(vocabulary, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("kind", CLASSES)
def test_empty_lines_at_the_end_need_no_embedding(
    kind: type[TokenizerBase], exported: Exported, tmp_path: Path
) -> None:
    vocabulary = (PLAIN / "vocab.txt").read_text(encoding="utf-8")
    model = exported(task="text-classification")
    expected = ConvBertOnnxPipeline(model)("It falls on the Amazon.")
    tokenizer = kind.from_pretrained(directory_with(tmp_path, vocabulary + "\n\n\n"))
    assert ConvBertOnnxPipeline(model, tokenizer=tokenizer)("It falls on the Amazon.") == expected
    tokenizer = kind.from_pretrained(directory_with(tmp_path, vocabulary + "more\n"))
    with pytest.raises(InputError, match="ids up to 3425, the model only 3425"):
        ConvBertOnnxPipeline(model, tokenizer=tokenizer)


@pytest.mark.parametrize("kind", CLASSES)
def test_a_vocabulary_may_lack_tokens_that_a_text_has_not(
    kind: type[TokenizerBase], exported: Exported, tmp_path: Path
) -> None:
    vocabulary = (PLAIN / "vocab.txt").read_text(encoding="utf-8")
    model = exported(task="text-classification")
    expected = ConvBertOnnxPipeline(model)(["It falls on the Amazon.", "It falls."])
    lacking = vocabulary.replace("[PAD]\n[UNK]\n", "pad\nunk\n").replace("[MASK]\n", "mask\n")
    pipe = ConvBertOnnxPipeline(model, tokenizer=kind.from_pretrained(directory_with(tmp_path, lacking)))
    assert pipe(["It falls on the Amazon.", "It falls."]) == expected
    with pytest.raises(InputError, match=r"the text has the token \[MASK\], which the vocabulary lacks"):
        pipe("It [MASK].")
    with pytest.raises(InputError, match=r"no token for unknown words|Missing \[UNK\] token"):
        pipe("\N{SNOWMAN}")


def test_an_empty_second_text_counts_as_none(exported: Exported, tmp_path: Path) -> None:
    pipe = ConvBertOnnxPipeline(exported(task="text-classification"))
    (alone,) = pipe("It falls.")
    pair = {"text": "It falls.", "text_pair": ""}
    assert pipe(pair) == pipe([pair, {**pair, "text_pair": "x"}])[0] == alone
    assert pipe.run_many([{"inputs": pair}]) == [alone]
    (tmp_path / "pairs.csv").write_text(f"text,text_pair,label\nIt falls.,,{alone['label']}\n")
    assert evaluate(pipe, tmp_path / "pairs.csv").metrics["accuracy"] == 1.0


@pytest.mark.parametrize("kind", CLASSES)
def test_what_is_saved_keeps_added_tokens(kind: type[TokenizerBase], tmp_path: Path) -> None:
    settings = {"added_tokens_decoder": {"3425": {"content": "<x>", "lstrip": True, "special": True}}}
    tokenizer = kind.from_vocab(PLAIN / "vocab.txt", settings)
    tokenizer.save_pretrained(tmp_path)
    if kind is ConvBertTokenizer:
        (tmp_path / "tokenizer.json").unlink()
    again = kind.from_pretrained(tmp_path)
    assert again("a <x>b")["input_ids"] == tokenizer("a <x>b")["input_ids"] == [2, 43, 3425, 44, 3]
    assert again.tokenizer_json == tokenizer.tokenizer_json


@pytest.mark.parametrize("kind", CLASSES)
def test_windows_from_the_end(kind: type[TokenizerBase]) -> None:
    tokenizer = kind.from_vocab(PLAIN / "vocab.txt", {"truncation_side": "left"})
    text, other = tokenizer.encode_text("a b c d e f g"), tokenizer.encode_text("x")
    rows = tokenizer.windows(text, max_length=5, stride=1)
    assert [row.ids[1:-1].tolist() for row in rows] == [text.ids[i : i + 3].tolist() for i in (4, 2, 0)]
    assert tokenizer.truncate(text, 2).ids.tolist() == text.ids[-2:].tolist()
    (first, *_) = tokenizer.windows(text, max_length=7, stride=0, after=other)
    assert first.sequences.tolist() == [-1, 0, 0, 0, -1, 1, -1]
    assert first.ids[1:4].tolist() == text.ids[-3:].tolist()
