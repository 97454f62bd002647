"""Metrics of toy models. Their predictions are random, so the tests check how labels change the metrics."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from golden import DATA, Exported

from convbert_onnx.errors import InputError
from convbert_onnx.runtime import ConvBertOnnxPipeline, evaluate
from convbert_onnx.runtime.evaluation.base import LabelledExample
from convbert_onnx.runtime.evaluation.evaluate import labelled_examples, score
from convbert_onnx.runtime.evaluation.predictions import predict

LABELLED = DATA / "labelled"
FILES = {
    "question-answering": LABELLED / "squad-2.0.json",
    "token-classification": LABELLED / "wikigold.conll",
    "text-classification": LABELLED / "polarity.tsv",
    "multiple-choice": LABELLED / "codah.jsonl",
    "fill-mask": DATA / "multilingual.txt",
}
WRONG: dict[str, Any] = {
    "question-answering": ("something else",),
    "text-classification": "no such label",
    "multiple-choice": -1,
    "fill-mask": "no such piece",
}


def relabelled(examples: Sequence[LabelledExample], labels: Sequence[Any]) -> list[LabelledExample]:
    return [replace(example, expected=label) for example, label in zip(examples, labels, strict=True)]


@pytest.mark.parametrize("task", FILES)
def test_evaluate_computes_metrics_for_each_task(exported: Exported, task: str) -> None:
    result = evaluate(exported(task=task), FILES[task])
    assert result.task == task
    assert result.file == str(exported(task=task))
    assert result.data == str(FILES[task])
    assert next(iter(result.metrics)) == result.main
    assert all(0 <= value <= 1 for value in result.metrics.values())
    low, high = result.interval
    assert 0 <= low <= result.metrics[result.main] <= high <= 1
    assert result.seconds > 0
    assert json.loads(json.dumps(asdict(result)))["examples"] == result.examples


@pytest.mark.parametrize("task", FILES)
def test_score_is_perfect_on_own_predictions_and_drops_with_a_wrong_label(exported: Exported, task: str) -> None:
    pipe = ConvBertOnnxPipeline(exported(task=task))
    examples = labelled_examples(pipe, FILES[task])
    predictions = predict(pipe, examples)
    own: list[Any] = list(predictions)
    if task == "question-answering":
        own = [((found,) if found else ()) for found in predictions]
    perfect = score(task, relabelled(examples, own), predictions)
    assert set(perfect.metrics.values()) == {1.0}
    assert perfect.interval[1] == 1
    wrong = ["B-ORG" if tag == "O" else "O" for tag in own[0]] if task == "token-classification" else WRONG[task]
    less = score(task, relabelled(examples, [wrong, *own[1:]]), predictions)
    assert less.metrics[less.main] < 1
    if task in ("text-classification", "multiple-choice", "fill-mask"):
        assert less.metrics["accuracy"] == pytest.approx(1 - 1 / len(examples))


def test_evaluate_cuts_texts_longer_than_the_model(exported: Exported, tmp_path: Path) -> None:
    long = "dust " * 300
    (tmp_path / "a.tsv").write_text(f"text\tlabel\n{long}\t0\n")
    assert evaluate(exported("grouped", task="text-classification"), tmp_path / "a.tsv").examples == 1
    (tmp_path / "a.txt").write_text(long)
    assert evaluate(exported("grouped", task="fill-mask"), tmp_path / "a.txt").examples == 1


def test_evaluate_refuses_unlabelled_tasks_and_impossible_numbers(exported: Exported, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="feature-extraction has no labelled data"):
        evaluate(exported(task="feature-extraction"), FILES["fill-mask"])
    with pytest.raises(InputError, match="limit parameter should be >= 1"):
        evaluate(exported(), FILES["question-answering"], limit=0)
    with pytest.raises(InputError, match="batch_size parameter should be >= 1"):
        evaluate(exported(), FILES["question-answering"], batch_size=0)
