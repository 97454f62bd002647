"""Trains a small ConvBERT from random weights, long enough to know its task, in minutes on two cores."""

import csv
import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import BertWordPieceTokenizer, Encoding, Tokenizer
from torch import Tensor

from benchmarks.accuracy.data import TASKS, shuffled
from convbert_onnx.models import HEADS, PRESETS
from convbert_onnx.tasks import task_by_name

__all__ = ["train"]

_LAYERS = 6
_BATCH = 32
_RATE = 5e-4
_EPOCHS = {"question-answering": 4, "text-classification": 12, "token-classification": 10}
_LONGEST = 160
_NOTHING = -100
"""The label that the loss leaves out, as torch and the reference have it."""

Row = dict[str, Any]


def train(task: str, folder: Path, public: Path, labels: list[str]) -> None:
    """Train a model and write it to the folder's ``checkpoint``.

    Args:
        task: a key of ``TASKS``.
        folder: where ``write_data`` put the task's files.
        public: the folder of the public sets, with the vocabularies.
        labels: the model's labels, none for question answering.
    """
    torch.manual_seed(0)
    checkpoint = folder / "checkpoint"
    checkpoint.mkdir(exist_ok=True)  # an interrupted run left one
    tokenizer = _tokenizer(task, public / "vocab", checkpoint)
    rows = _ROWS[task](folder / TASKS[task].train, tokenizer, labels)
    config = replace(PRESETS["small"], num_hidden_layers=_LAYERS, vocab_size=tokenizer.get_vocab_size())
    if labels:
        config = replace(config, id2label=dict(enumerate(labels)))
    model = HEADS[task_by_name(task).head](config)
    steps = _EPOCHS[task] * math.ceil(len(rows) / _BATCH)
    optimizer = torch.optim.AdamW(model.parameters(), lr=_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=steps, anneal_strategy="linear")
    model.train()
    for epoch in range(_EPOCHS[task]):
        losses = []
        for batch in _batches(rows, epoch):
            loss = model(**batch).loss
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        print(f"{task}: epoch {epoch + 1} of {_EPOCHS[task]}, loss {np.mean(losses):.3f}", flush=True)
    model.eval().save_pretrained(checkpoint)


def _tokenizer(task: str, vocabularies: Path, checkpoint: Path) -> Tokenizer:
    data = TASKS[task]
    vocabulary = vocabularies / data.vocabulary
    (checkpoint / "vocab.txt").write_bytes(vocabulary.read_bytes())
    settings = {"tokenizer_class": "ConvBertTokenizer", "do_lower_case": data.lower, "model_max_length": 512}
    (checkpoint / "tokenizer_config.json").write_text(json.dumps(settings))
    tokenizer = BertWordPieceTokenizer(str(vocabulary), lowercase=data.lower)
    tokenizer.enable_truncation(_LONGEST)
    tokenizer.save(str(checkpoint / "tokenizer.json"))
    return tokenizer


def _batches(rows: list[Row], seed: int) -> Iterator[dict[str, Tensor]]:
    """Batches of rows of about one length, in random order."""
    mixed = shuffled(rows, seed)
    # Within pools of many batches, so that neighbours in length still differ from epoch to epoch.
    pools = [mixed[start : start + 50 * _BATCH] for start in range(0, len(mixed), 50 * _BATCH)]
    ordered = [row for pool in pools for row in sorted(pool, key=lambda row: len(row["input_ids"]))]
    groups = [ordered[start : start + _BATCH] for start in range(0, len(ordered), _BATCH)]
    for group in shuffled(groups, seed):
        longest = max(len(row["input_ids"]) for row in group)
        yield {name: _stack([row[name] for row in group], longest, name) for name in group[0]}


def _stack(values: list[Any], longest: int, name: str) -> Tensor:
    if isinstance(values[0], int):
        return torch.tensor(values)
    filler = _NOTHING if name == "labels" else 0
    return torch.tensor([[*value, *[filler] * (longest - len(value))] for value in values])


def _inputs(encoding: Encoding) -> Row:
    return {
        "input_ids": encoding.ids,
        "attention_mask": encoding.attention_mask,
        "token_type_ids": encoding.type_ids,
    }


def _questions(path: Path, tokenizer: Tokenizer, labels: list[str]) -> list[Row]:
    rows = []
    for article in json.loads(path.read_text())["data"]:
        for paragraph in article["paragraphs"]:
            for question in paragraph["qas"]:
                answer = question["answers"][0]
                first, last = answer["answer_start"], answer["answer_start"] + len(answer["text"]) - 1
                encoding = tokenizer.encode(question["question"], paragraph["context"])
                places = [encoding.char_to_token(place, 1) for place in (first, last)]
                if None not in places:  # behind the longest row
                    rows.append({**_inputs(encoding), "start_positions": places[0], "end_positions": places[1]})
    return rows


def _texts(path: Path, tokenizer: Tokenizer, labels: list[str]) -> list[Row]:
    with path.open(newline="") as file:
        lines = list(csv.DictReader(file))
    return [{**_inputs(tokenizer.encode(line["text"])), "labels": labels.index(line["label"])} for line in lines]


def _sentences(path: Path, tokenizer: Tokenizer, labels: list[str]) -> list[Row]:
    rows = []
    for block in path.read_text().split("\n\n"):
        words, tags = zip(*(line.split() for line in block.strip().split("\n")), strict=True)
        encoding = tokenizer.encode(list(words), is_pretokenized=True)
        # A word has the label of its first token, as in the evaluation.
        numbers = [
            _NOTHING if word is None or word == before else labels.index(tags[word])
            for word, before in zip(encoding.word_ids, [None, *encoding.word_ids], strict=False)
        ]
        rows.append({**_inputs(encoding), "labels": numbers})
    return rows


_ROWS = {"question-answering": _questions, "text-classification": _texts, "token-classification": _sentences}
