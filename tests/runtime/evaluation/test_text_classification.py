"""Evaluation of text classification: the reader of tables and JSON Lines."""

import json
from pathlib import Path

import pytest
from golden import Exported
from labelled import LABELLED, SENTIMENT, written

from convbert_onnx import ConvBertConfig, ConvBertOnnxPipeline
from convbert_onnx.errors import InputError
from convbert_onnx.runtime.evaluation.datasets import read_labelled_data
from convbert_onnx.runtime.evaluation.evaluate import evaluate


def test_read_tsv() -> None:
    examples = read_labelled_data(LABELLED / "polarity.tsv", "text-classification", SENTIMENT, limit=3)
    assert [example.expected for example in examples] == ["positive", "negative", "positive"]
    assert '" conan "' in examples[0].call["inputs"]["text"]  # quotes are text where tabs separate
    assert examples[0].place.endswith("polarity.tsv, line 2")


def test_read_csv_and_json_lines_alike(tmp_path: Path) -> None:
    table = 'label,text,text_pair\r\nneutral,"It falls, slowly.",It rises.\r\n0,"a\nb",\r\n'
    rows = [{"text": "It falls, slowly.", "text_pair": "It rises.", "label": "neutral"}]
    rows.append({"text": "a\nb", "text_pair": "", "label": "0"})
    lines = "\n\n".join(map(json.dumps, rows))
    read = [
        read_labelled_data(written(tmp_path, name, text), "text-classification", SENTIMENT)
        for name, text in (("a.csv", "\ufeff" + table), ("a.jsonl", lines))
    ]
    assert [one.call for one in read[0]] == [one.call for one in read[1]]
    assert [one.expected for one in read[0]] == [one.expected for one in read[1]] == ["neutral", "negative"]


def test_read_prefers_label_names_over_label_numbers(tmp_path: Path) -> None:
    config = ConvBertConfig(id2label={0: "1", 1: "0"})
    path = written(tmp_path, "a.jsonl", '{"text": "a", "label": "1"}\n{"text": "a", "label": 1}')
    assert [one.expected for one in read_labelled_data(path, "text-classification", config)] == ["1", "0"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "a.csv",
            "text,category\na,b\n",
            "line 1: expected a header with text, label .* text, category",
        ),
        ("a.csv", "", "not an empty file"),
        ("a.csv", 'text,label\n"a" b,neutral\n', r"line 2: .*fix the quotes"),
        ("a.csv", "text,label\na, b,neutral\n", "line 2: the row has more columns"),
        ("a.tsv", "text\tlabel\na\tneutral\nb\n", "line 3: `label` is missing"),
        ("a.tsv", "text\tlabel\na\tgood\n", r"no label 'good'; it has negative \(0\), neutral"),
        ("a.tsv", "text\tlabel\na\t3\n", "no label '3'"),
        ("a.jsonl", '{"text": "a", "label": true}', "no label True"),
        ("a.jsonl", '{"text": "a", "label": ["neutral"]}', "a text with several labels"),
        ("a.jsonl", '{"text": 5, "label": 0}', "line 1: `text` is missing or not a string"),
        ("a.jsonl", "\n{", "line 2: this is not JSON"),
        ("a.jsonl", "[" * 100_000, "line 1: the JSON is nested too deeply"),
        ("a.jsonl", '{"text": "a", "label": NaN}', "no label nan"),
        ("a.jsonl", '{"text": "a", "label": {}}', "no label {}"),
        ("a.csv", "text,label\na,neutral\n".encode("utf-16"), "line 1: this is not UTF-8"),
        ("a.jsonl", "[]", "line 1: the line must be a JSON object, not list"),
        ("a.xlsx", "", r"the suffix \.csv, \.tsv or \.jsonl"),
    ],
)
def test_read_error_names_the_place(name: str, text: str | bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        read_labelled_data(written(tmp_path, name, text), "text-classification", SENTIMENT)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (ConvBertConfig(problem_type="multi_label_classification"), "the model is for multi_label_classification"),
        (ConvBertConfig(problem_type="regression", num_labels=1), "the model is for regression"),
        (ConvBertConfig(num_labels=1), "the model is for regression"),
    ],
)
def test_read_refuses_models_without_a_single_label_per_text(config: ConvBertConfig, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_labelled_data(LABELLED / "polarity.tsv", "text-classification", config)


def test_accuracy_counts_the_labels_of_the_pipeline(exported: Exported) -> None:
    pipe = ConvBertOnnxPipeline(exported(task="text-classification"))
    examples = read_labelled_data(LABELLED / "polarity.tsv", pipe.task, pipe.config)
    right = sum(pipe(dict(one.call["inputs"]))["label"] == one.expected for one in examples)
    assert evaluate(pipe, LABELLED / "polarity.tsv").metrics["accuracy"] == right / len(examples)
