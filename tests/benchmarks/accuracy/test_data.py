"""Conversion of the public data sets."""

import csv
import gzip
import json
from pathlib import Path

from benchmarks.accuracy.data import shuffled, write_data
from convbert_onnx.config import ConvBertConfig
from convbert_onnx.runtime.evaluation.datasets import read_labelled_data

NAME = "Wiki1k:wikipedia:42:7:0"


def test_qamr_answers_become_spans_of_their_sentence(tmp_path: Path) -> None:
    public = tmp_path / "qamr"
    public.mkdir()
    (public / "wiki-sentences.tsv").write_text(f"{NAME}\tThe Sahara -LRB- a desert -RRB- is dry .\n")
    rows = [
        f"{NAME}\t1\t2\t0\t1\tWhat is dry?\t0 1\t3:1\t4:0 1\n",
        f"{NAME}\t1\t2\t0\t1\tIn pieces?\t1 3\t3:1\n",  # two spans: left out
    ]
    for split in ("dev", "test"):
        with gzip.open(public / f"filtered.{split}.tsv.gz", "wt") as file:
            file.writelines(rows)
    assert write_data("question-answering", tmp_path, tmp_path) == []
    ((article),) = json.loads((tmp_path / "test.json").read_text())["data"]
    (paragraph,) = article["paragraphs"]
    assert paragraph["context"] == "The Sahara ( a desert ) is dry ."
    (question,) = paragraph["qas"]
    assert [answer["text"] for answer in question["answers"]] == ["The Sahara", "Sahara", "The Sahara"]
    for answer in question["answers"]:
        start = answer["answer_start"]
        assert paragraph["context"][start : start + len(answer["text"])] == answer["text"]


def test_entity_tags_become_iob2_with_three_entity_types(tmp_path: Path) -> None:
    words = "-DOCSTART- O\n\nDust O\nNiger I-LOC\nDelta I-LOC\nFriday I-MISC\nAda B-PER\nAda B-PER\n\n"
    for folder in ("btc", "wikigold", "uner_en_ewt"):
        (tmp_path / folder).mkdir()
    (tmp_path / "btc" / "a.conll").write_text(words)
    (tmp_path / "wikigold" / "wikigold.conll.txt").write_text("Rome I-LOC\n")
    (tmp_path / "uner_en_ewt" / "test.iob2").write_text("# text = Dust\n1\tDust\tO\t-\n2\tOslo\tB-LOC\t-\n")
    labels = write_data("token-classification", tmp_path, tmp_path)
    assert labels == ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG"]
    train, second = (tmp_path / "train.conll").read_text().strip().split("\n\n")
    assert train.split("\n") == ["Dust O", "Niger B-LOC", "Delta I-LOC", "Friday O", "Ada B-PER", "Ada B-PER"]
    assert second == "Rome B-LOC"
    assert (tmp_path / "test.conll").read_text() == "Dust O\nOslo B-LOC\n"


def test_clinc150_becomes_csv_that_the_evaluation_reads(tmp_path: Path) -> None:
    (tmp_path / "clinc150").mkdir()
    texts = {"train": [["is it dusty", "weather"], ["pay, now", "bill"]], "test": [["pay", "bill"]]}
    (tmp_path / "clinc150" / "data_full.json").write_text(json.dumps(texts))
    assert write_data("text-classification", tmp_path, tmp_path) == ["bill", "weather"]
    with (tmp_path / "train.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [["text", "label"], *texts["train"]]
    config = ConvBertConfig(id2label={0: "bill", 1: "weather"})
    (example,) = read_labelled_data(tmp_path / "test.csv", "text-classification", config)
    assert (example.call, example.expected) == ({"inputs": {"text": "pay"}, "truncation": True}, "bill")


def test_shuffled_is_a_permutation_that_the_seed_determines() -> None:
    rows = list(range(20))
    assert shuffled(rows, 1) == shuffled(rows, 1) != shuffled(rows, 2)
    assert sorted(shuffled(rows, 1)) == rows
