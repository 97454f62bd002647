"""Tokenizers in pipelines: no repeated work in a call, and empty second texts."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from golden import CHECKPOINTS, QUESTION, Exported

from convbert_onnx import ConvBertOnnxPipeline
from convbert_onnx.runtime import evaluate
from convbert_onnx.runtime.tokenization.base import TokenizerBase

CALLS: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "token-classification": ((["Ada met Bob in Denver."] * 3,), {"aggregation_strategy": "first"}),
    "fill-mask": ((["It [MASK] on the Amazon."] * 3,), {"targets": ["falls", "the"]}),
    "text-classification": ((["It falls."] * 3,), {}),
    "question-answering": ((), QUESTION),
}


@pytest.mark.parametrize("task", CALLS)
@pytest.mark.filterwarnings("ignore:the vocabulary has no word")
def test_a_call_neither_parses_json_nor_copies_the_vocabulary(
    tokenizer_class: type[TokenizerBase], task: str, exported: Exported, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = tokenizer_class.from_pretrained(CHECKPOINTS / "plain-question-answering")
    pipe = ConvBertOnnxPipeline(exported(task=task), tokenizer=tokenizer)
    args, options = CALLS[task]
    pipe(*args, **options)
    counts: Counter[str] = Counter()
    loads, get_vocab = json.loads, tokenizer_class.get_vocab
    monkeypatch.setattr(json, "loads", lambda *given, **named: (counts.update(["loads"]), loads(*given, **named))[1])
    monkeypatch.setattr(tokenizer_class, "get_vocab", lambda self: (counts.update(["get_vocab"]), get_vocab(self))[1])
    pipe(*args, **options)
    assert counts == {}
    json.loads("1")
    pipe.tokenizer.get_vocab()
    assert counts == {"loads": 1, "get_vocab": 1}


def test_an_empty_second_text_counts_as_none(exported: Exported, tmp_path: Path) -> None:
    pipe = ConvBertOnnxPipeline(exported(task="text-classification"))
    (alone,) = pipe("It falls.")
    pair = {"text": "It falls.", "text_pair": ""}
    assert pipe(pair) == pipe([pair, {**pair, "text_pair": "x"}])[0] == alone
    assert pipe.run_many([{"inputs": pair}]) == [alone]
    (tmp_path / "pairs.csv").write_text(f"text,text_pair,label\nIt falls.,,{alone['label']}\n")
    assert evaluate(pipe, tmp_path / "pairs.csv").metrics["accuracy"] == 1.0
