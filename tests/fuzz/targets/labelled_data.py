"""Labelled data files. The first line of an input is the task and the file's suffix."""

import json
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.runtime.evaluation.datasets import read_labelled_data

from ..mutate import mutate_bytes, mutate_json_bytes
from ..seed_models import CALLS
from . import Target, allow_documented_errors

_FOLDER = TemporaryDirectory()
_CONFIG = ConvBertConfig(id2label={0: "O", 1: "B-LOC", 2: "I-LOC"})
_SUFFIXES = ("json", "jsonl", "csv", "tsv", "txt")
_NAMES = ("text", "label", "text_pair", "prompt", "choices", "data", "paragraphs", "qas", "answers", "is_impossible")


def run(data: bytes) -> None:
    head, _, content = data.partition(b"\n")
    task, _, suffix = head.decode(errors="replace").partition(" ")
    if task not in CALLS or suffix not in _SUFFIXES:
        return
    path = Path(_FOLDER.name) / f"data.{suffix}"
    path.write_bytes(content)
    with allow_documented_errors():
        for example in read_labelled_data(path, task, _CONFIG):
            json.dumps(dict(example.call), allow_nan=False).encode("utf-8", "surrogatepass")


def mutate(data: bytes, random: Random) -> bytes:
    head, _, content = data.partition(b"\n")
    match random.randrange(10):
        case 0:
            head = f"{random.choice(list(CALLS))} {random.choice(_SUFFIXES)}".encode()
        case 1 | 2 | 3:
            content = mutate_bytes(content, random)
        case 4 | 5:
            blank = random.choice(
                (b" ", b"\t", b"\xc2\xa0", b"\xe3\x80\x80", b"\xe2\x80\xa8", b"\x1c", b"\r", b"\r\n", b'"')
            )
            position = random.randrange(len(content) + 1)
            content = content[:position] + blank + content[position:]
        case _ if b"json" in head:
            lines = content.split(b"\n")
            index = random.randrange(len(lines))
            lines[index] = mutate_json_bytes(lines[index], random, _NAMES)
            content = b"\n".join(lines)
        case _:
            content = mutate_bytes(content, random)
    return head + b"\n" + content


def seeds() -> list[bytes]:
    answer = {"text": "Sahara", "answer_start": 4}
    question = {"question": "Where?", "id": "1", "answers": [answer], "is_impossible": False}
    squad = {"version": "v2.0", "data": [{"title": "a", "paragraphs": [{"context": "The Sahara.", "qas": [question]}]}]}
    text, choice = (
        {"text": "Dust falls.", "label": "O", "text_pair": "b"},
        {"prompt": "a", "choices": ["b", "c"], "label": 1},
    )
    return [
        b"question-answering json\n" + json.dumps(squad).encode(),
        b"token-classification txt\n-DOCSTART- O\n\nDust NN O\nBrazil NNP B-LOC\n\nIt O\n",
        b'text-classification csv\ntext,label,text_pair\n"Dust, falls",O,"b"\na,1,\n',
        b"text-classification tsv\ntext\tlabel\nDust\tO\n",
        b"text-classification jsonl\n" + json.dumps(text).encode() + b"\n\n" + json.dumps(text).encode(),
        b"multiple-choice jsonl\n" + json.dumps(choice).encode(),
        b"fill-mask jsonl\n" + json.dumps(text).encode(),
        b"fill-mask txt\nDust falls.\n",
    ]


TARGET = Target(run, mutate, seeds)
