"""Public labelled data sets, converted to the formats that ``convbert-onnx eval`` reads.

Training and test texts come from different sources. The folder holds, as published by their authors:

- ``qamr``: QAMR (Michael et al., 2018; MIT, texts CC BY-SA 3.0 and CC BY 2.5), ``filtered.{dev,test}.tsv.gz`` and
  ``wiki-sentences.tsv``. dev is used for training; test has other articles.
- ``clinc150``: CLINC150 (Larson et al., 2019; CC BY 3.0), ``data_full.json``, with its authors' split.
- ``btc``: the Broad Twitter Corpus (Derczynski et al., 2016; CC BY 4.0), and ``wikigold`` (Balasuriya et al., 2009;
  CC BY 4.0), for training; ``uner_en_ewt``: Universal NER (Mayhew et al., 2024; CC BY-SA 4.0), for testing.
- ``vocab``: BERT's vocabularies, ``bert-base-{uncased,cased}-vocab.txt``.
"""

import csv
import gzip
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["TASKS", "TaskData", "write_data"]

_ENTITIES = ("PER", "LOC", "ORG")


@dataclass(frozen=True)
class TaskData:
    """The files of a task.

    Attributes:
        train: the name of the training file, which is also the calibration data.
        test: the name of the test file.
        vocabulary: the vocabulary file, in the folder of the public data.
        lower: whether the tokenizer lowercases texts.
    """

    train: str
    test: str
    vocabulary: str
    lower: bool


_UNCASED = ("bert-base-uncased-vocab.txt", True)

TASKS = {
    "question-answering": TaskData("train.json", "test.json", *_UNCASED),
    "text-classification": TaskData("train.csv", "test.csv", *_UNCASED),
    "token-classification": TaskData("train.conll", "test.conll", "bert-base-cased-vocab.txt", lower=False),
}
"""The benchmarked tasks by name."""


def write_data(task: str, public: Path, folder: Path) -> list[str]:
    """Write the training and test file of a task.

    Args:
        task: a key of ``TASKS``.
        public: the folder of the public data sets.
        folder: the output folder.

    Returns:
        The model's labels; empty for question answering.
    """
    names = TASKS[task]
    if task == "question-answering":
        sentences = _qamr_sentences(public / "qamr" / "wiki-sentences.tsv")
        for name, split in ((names.train, "dev"), (names.test, "test")):
            content = {"data": _qamr(public / "qamr" / f"filtered.{split}.tsv.gz", sentences)}
            (folder / name).write_text(json.dumps(content))
        return []
    if task == "text-classification":
        splits = json.loads((public / "clinc150" / "data_full.json").read_text())
        for name, split in ((names.train, "train"), (names.test, "test")):
            with (folder / name).open("w", newline="") as file:
                csv.writer(file).writerows([("text", "label"), *splits[split]])
        return sorted({label for _, label in splits["train"]})
    train = [
        sentence
        for path in [*sorted((public / "btc").glob("*.conll")), public / "wikigold" / "wikigold.conll.txt"]
        for sentence in _conll(path)
    ]
    test = [sentence for path in sorted((public / "uner_en_ewt").glob("*.iob2")) for sentence in _conll(path, word=1)]
    for name, sentences_of in ((names.train, train), (names.test, test)):
        blocks = ("".join(f"{word} {tag}\n" for word, tag in sentence) for sentence in sentences_of)
        (folder / name).write_text("\n".join(blocks))
    return ["O", *(f"{position}-{kind}" for kind in _ENTITIES for position in "BI")]


def _qamr_sentences(path: Path) -> dict[str, list[str]]:
    written = {"-LRB-": "(", "-RRB-": ")", "``": '"', "''": '"'}
    lines = (line.split("\t") for line in path.read_text().splitlines())
    return {name: [written.get(word, word) for word in text.split(" ")] for name, text in lines}


def _qamr(path: Path, sentences: dict[str, list[str]]) -> list[dict[str, Any]]:
    """Articles in SQuAD's format; answers that are not one contiguous span are left out."""
    articles: dict[str, dict[str, list[dict[str, Any]]]] = {}
    with gzip.open(path, "rt") as lines:
        for index, line in enumerate(lines):
            name, _, _, _, _, question, first_span, *others = line.rstrip("\n").split("\t")
            words = sentences[name]
            spans = [first_span, *(other.split(":")[1] for other in others)]
            answers = [answer for span in spans if (answer := _answer(words, span))]
            if not _answer(words, first_span):
                continue
            paragraphs = articles.setdefault(name.rsplit(":", 2)[0], {})
            questions = paragraphs.setdefault(" ".join(words), [])
            questions.append({"id": f"{name}-{index}", "question": question.strip(), "answers": answers})
    return [
        {"title": title, "paragraphs": [{"context": text, "qas": qas} for text, qas in paragraphs.items()]}
        for title, paragraphs in articles.items()
    ]


def _answer(words: list[str], span: str) -> dict[str, Any] | None:
    tokens = [int(token) for token in span.split()]
    if not tokens or tokens[0] < 0 or tokens != list(range(tokens[0], tokens[-1] + 1)):
        return None
    return {
        "text": " ".join(words[tokens[0] : tokens[-1] + 1]),
        "answer_start": len(" ".join([*words[: tokens[0]], ""])),
    }


def _conll(path: Path, word: int = 0) -> Iterator[list[tuple[str, str]]]:
    """Yield sentences as words with IOB2 tags; entity types that are not in ``_ENTITIES`` become O."""
    sentence: list[tuple[str, str]] = []
    for line in [*path.read_text().splitlines(), ""]:
        columns = line.split()
        if not columns:
            if sentence:
                yield _iob2(sentence)
            sentence = []
        elif columns[0] not in ("#", "-DOCSTART-") and len(columns) > word + 1:
            sentence.append((columns[word], columns[word + 1]))


def _iob2(sentence: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    tagged: list[tuple[str, str]] = []
    previous = "O"
    for word, tag in sentence:
        position, _, kind = tag.partition("-")
        if kind not in _ENTITIES:
            tagged.append((word, "O"))
        else:
            inside = position == "I" and previous.partition("-")[2] == kind
            tagged.append((word, f"{'I' if inside else 'B'}-{kind}"))
        previous = tag
    return tagged


def shuffled(rows: list[Any], seed: int) -> list[Any]:
    """Rows in random order, determined by the seed."""
    return [rows[index] for index in np.random.default_rng(seed).permutation(len(rows))]
