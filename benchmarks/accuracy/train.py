"""Train a small ConvBERT from random weights, in minutes on two cores."""

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

_NUM_LAYERS = 6
_BATCH_SIZE = 32
_LEARNING_RATE = 5e-4
_EPOCHS = {"question-answering": 4, "text-classification": 12, "token-classification": 10}
_MAX_LENGTH = 160
_IGNORE_INDEX = -100
"""The label that the loss ignores, as in torch and transformers."""

Row = dict[str, Any]


def train(task: str, folder: Path, public: Path, labels: list[str]) -> None:
    """Train a model and write it to the folder's ``checkpoint``.

    Args:
        task: a key of ``TASKS``.
        folder: the folder with the files of ``write_data``.
        public: the folder of the public data sets and vocabularies.
        labels: the model's labels, none for question answering.
    """
    torch.manual_seed(0)
    checkpoint = folder / "checkpoint"
    checkpoint.mkdir(exist_ok=True)  # exists after an interrupted run
    tokenizer = _tokenizer(task, public / "vocab", checkpoint)
    rows = _ROWS[task](folder / TASKS[task].train, tokenizer, labels)
    config = replace(PRESETS["small"], num_hidden_layers=_NUM_LAYERS, vocab_size=tokenizer.get_vocab_size())
    if labels:
        config = replace(config, id2label=dict(enumerate(labels)))
    model = HEADS[task_by_name(task).head](config)
    steps = _EPOCHS[task] * math.ceil(len(rows) / _BATCH_SIZE)
    optimizer = torch.optim.AdamW(model.parameters(), lr=_LEARNING_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, _LEARNING_RATE, total_steps=steps, anneal_strategy="linear"
    )
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
    tokenizer.enable_truncation(_MAX_LENGTH)
    tokenizer.save(str(checkpoint / "tokenizer.json"))
    return tokenizer


def _batches(rows: list[Row], seed: int) -> Iterator[dict[str, Tensor]]:
    """Yield batches of rows of similar length, in random order."""
    order = shuffled(rows, seed)
    # Sorted by length within pools of 50 batches only, so that batches differ from epoch to epoch.
    pools = [order[start : start + 50 * _BATCH_SIZE] for start in range(0, len(order), 50 * _BATCH_SIZE)]
    ordered = [row for pool in pools for row in sorted(pool, key=lambda row: len(row["input_ids"]))]
    groups = [ordered[start : start + _BATCH_SIZE] for start in range(0, len(ordered), _BATCH_SIZE)]
    for group in shuffled(groups, seed):
        longest = max(len(row["input_ids"]) for row in group)
        yield {name: _stack([row[name] for row in group], longest, name) for name in group[0]}


def _stack(values: list[Any], longest: int, name: str) -> Tensor:
    if isinstance(values[0], int):
        return torch.tensor(values)
    filler = _IGNORE_INDEX if name == "labels" else 0
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
                positions = [encoding.char_to_token(offset, 1) for offset in (first, last)]
                if None not in positions:  # None: past the maximum length
                    rows.append({**_inputs(encoding), "start_positions": positions[0], "end_positions": positions[1]})
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
        # Only the first token of a word is labelled, as in the evaluation.
        token_labels = [
            _IGNORE_INDEX if word is None or word == previous else labels.index(tags[word])
            for word, previous in zip(encoding.word_ids, [None, *encoding.word_ids], strict=False)
        ]
        rows.append({**_inputs(encoding), "labels": token_labels})
    return rows


_ROWS = {"question-answering": _questions, "text-classification": _texts, "token-classification": _sentences}
