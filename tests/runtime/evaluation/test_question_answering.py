"""Evaluation of question answering: the reader of SQuAD's format, and its metrics."""

import json
import math
from pathlib import Path

import pytest
from golden import Exported
from labelled import LABELLED, SENTIMENT, written

from convbert_onnx import ConvBertConfig, ConvBertOnnxPipeline
from convbert_onnx.errors import InputError
from convbert_onnx.runtime.evaluation.datasets import read_labelled_data
from convbert_onnx.runtime.evaluation.evaluate import evaluate
from convbert_onnx.runtime.evaluation.question_answering import EVALUATION

PARAGRAPH = '{"data": [{"paragraphs": [%s]}]}'
FILE = LABELLED / "squad-2.0.json"


def test_read_squad_1_1() -> None:
    examples = read_labelled_data(LABELLED / "squad-1.1.json", "question-answering", ConvBertConfig())
    assert len(examples) == 12
    assert examples[0].place.endswith("squad-1.1.json, data[0].paragraphs[0].qas[0]")
    assert all(example.expected for example in examples)
    assert all(text in example.call["context"] for example in examples for text in example.expected)
    assert examples[0].call.keys() == {"question", "context"}


def test_read_squad_2_with_unanswerable_questions() -> None:
    examples = read_labelled_data(LABELLED / "squad-2.0.json", "question-answering", ConvBertConfig())
    assert [bool(example.expected) for example in examples] == [True, True, False, False] * 4
    assert all(example.call["handle_impossible_answer"] for example in examples)


def test_read_ignores_plausible_answers(tmp_path: Path) -> None:
    question = {"question": "Who?", "is_impossible": True, "answers": [{"text": "Ada", "answer_start": 0}]}
    content = {"data": [{"paragraphs": [{"context": "Ada.", "qas": [question]}]}]}
    path = written(tmp_path, "squad.json", json.dumps(content))
    (example,) = read_labelled_data(path, "question-answering", ConvBertConfig())
    assert example.expected == ()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.json", "{", r"a\.json is not JSON .*SQuAD's format"),
        ("a.json", "[]", r"a\.json: the list `data` of SQuAD's format is missing"),
        ("a.json", '{"data": [5]}', r"a\.json, data\[0\] must be an object with paragraphs"),
        ("a.json", PARAGRAPH % "{}", r"data\[0\]\.paragraphs\[0\]: `context` is missing"),
        (
            "a.json",
            PARAGRAPH % '{"context": "x", "qas": [{"question": "y"}]}',
            r"paragraphs\[0\]\.qas\[0\]: the list `answers` of SQuAD's format is missing",
        ),
        ("a.json", PARAGRAPH % '{"context": "x", "qas": [1]}', r"qas\[0\] must be an object"),
        ("a.json", '{"data": []}', "has no example"),
        ("a.json", "[" * 100_000, "is not JSON .*SQuAD's format"),
        (
            "a.json",
            PARAGRAPH % '{"context": "x", "qas": [{"question": "y", "answers": [], "is_impossible": "false"}]}',
            r"qas\[0\]: `is_impossible` must be true or false, not 'false'",
        ),
        (
            "a.json",
            PARAGRAPH % '{"context": "x", "qas": [{"question": "y", "answers": ["z"]}]}',
            r"qas\[0\]: `text` is missing",
        ),
    ],
)
def test_read_error_names_the_place(name: str, text: str | bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        read_labelled_data(written(tmp_path, name, text), "question-answering", SENTIMENT)


def test_score_has_separate_metrics_for_unanswerable_questions(exported: Exported) -> None:
    two = evaluate(exported(), FILE).metrics
    assert list(two) == ["f1", "exact_match", "has_answer_f1", "has_answer_exact", "no_answer_exact"]
    assert math.isclose(two["exact_match"], (two["has_answer_exact"] + two["no_answer_exact"]) / 2)
    assert list(evaluate(exported(), LABELLED / "squad-1.1.json").metrics) == ["f1", "exact_match"]


def test_truncated_leaves_half_of_a_window_for_the_context(exported: Exported) -> None:
    pipe = ConvBertOnnxPipeline(exported())
    (call, *_) = EVALUATION.sample_calls(pipe)
    assert EVALUATION.truncated(pipe, call)["max_question_len"] == 64
    pipe.max_length = 16
    assert EVALUATION.truncated(pipe, call)["max_question_len"] == 6
    assert EVALUATION.truncated(pipe, {**call, "max_question_len": 3})["max_question_len"] == 3
