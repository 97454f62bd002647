"""Evaluation of multiple choice: the reader of JSON Lines, and the sample calls."""

from pathlib import Path

import pytest
from golden import Exported
from labelled import LABELLED, SENTIMENT, written

from convbert_onnx import ConvBertConfig, ConvBertOnnxPipeline
from convbert_onnx.errors import InputError
from convbert_onnx.runtime.evaluation.datasets import read_labelled_data
from convbert_onnx.runtime.evaluation.multiple_choice import EVALUATION


def test_read_labels_as_numbers_or_texts(tmp_path: Path) -> None:
    examples = read_labelled_data(LABELLED / "codah.jsonl", "multiple-choice", ConvBertConfig())
    assert [example.expected for example in examples[:2]] == [1, 0]
    assert len(examples[0].call["choices"]) == 4
    path = written(tmp_path, "a.jsonl", '{"prompt": "She sat", "choices": ["up.", "down."], "label": "down."}')
    assert read_labelled_data(path, "multiple-choice", ConvBertConfig())[0].expected == 1


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.jsonl", '{"prompt": "a", "choices": [], "label": 0}', "`choices` is missing"),
        ("a.jsonl", '{"prompt": "a", "choices": ["b"], "label": 1}', "number of a choice, 0 to 0"),
        ("a.jsonl", '{"choices": ["b"], "label": 0}', "`prompt` is missing"),
    ],
)
def test_read_error_names_the_place(name: str, text: str | bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        read_labelled_data(written(tmp_path, name, text), "multiple-choice", SENTIMENT)


def test_sample_choices_are_distinct_ends_of_sentences(exported: Exported) -> None:
    calls = EVALUATION.sample_calls(ConvBertOnnxPipeline(exported(task="multiple-choice")))
    assert all(len(set(call["choices"])) == 3 for call in calls)
    assert all(call["choices"][0].endswith(".") for call in calls)
