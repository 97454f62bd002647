"""Evaluating toy models: their predictions are random, so what is checked is how labels move the metrics."""

import json
import math
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
from convbert_onnx.runtime.evaluation.fill_mask import mask_pieces
from convbert_onnx.runtime.evaluation.metrics import agreement
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
def test_every_task_has_metrics_on_its_own_data(exported: Exported, task: str) -> None:
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
def test_a_model_is_perfect_on_its_own_predictions_and_a_wrong_label_is_noticed(exported: Exported, task: str) -> None:
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


@pytest.mark.parametrize("task", FILES)
def test_batches_and_limits_change_no_prediction(exported: Exported, task: str) -> None:
    pipe = ConvBertOnnxPipeline(exported(task=task))
    examples = labelled_examples(pipe, FILES[task])
    predictions = predict(pipe, examples)
    assert predict(pipe, examples, batch_size=1) == predictions
    some = labelled_examples(pipe, FILES[task], limit=5)
    assert len(some) == 5
    assert predict(pipe, some) == predictions[:5]
    assert evaluate(pipe, FILES[task], limit=5, batch_size=2).examples == 5


def test_two_files_of_one_model_agree(exported: Exported) -> None:
    pipes = [ConvBertOnnxPipeline(exported(target=target)) for target in ("cpu", "portable")]
    predictions = [predict(pipe, labelled_examples(pipe, FILES["question-answering"])) for pipe in pipes]
    assert agreement(*predictions) == 1


def test_what_the_pipeline_answers_is_what_counts(exported: Exported) -> None:
    pipe = ConvBertOnnxPipeline(exported(task="text-classification"))
    examples = labelled_examples(pipe, FILES["text-classification"])
    right = sum(pipe(dict(one.call["inputs"]))["label"] == one.expected for one in examples)
    assert evaluate(pipe, FILES["text-classification"]).metrics["accuracy"] == right / len(examples)


def test_a_word_has_the_label_of_its_first_token(exported: Exported) -> None:
    pipe = ConvBertOnnxPipeline(exported(task="token-classification"))
    words = ["Unbelievably", "\u200b", "Zürich", "fell"]
    example = LabelledExample("here", {"inputs": words, "is_split_into_words": True}, ("O",) * 4)
    (tags,) = predict(pipe, [example])
    row = pipe.tokenizer.model_row(pipe.tokenizer.encode_text(" ".join(words)))
    (output,) = pipe.raw_outputs([row])
    best = [pipe.config.id2label[int(number)] for number in output["logits"].argmax(axis=-1)]
    starts = row.offsets[:, 0].tolist()
    first, zurich, fell = (best[starts.index(place, 1)] for place in (0, 15, 22))
    assert len(row) > 6  # words have several tokens, or the test shows nothing
    assert tags == (first, "O", zurich, fell)  # what has no token is no entity


def test_words_behind_the_longest_row_are_no_entities(exported: Exported) -> None:
    pipe = ConvBertOnnxPipeline(exported("grouped", task="token-classification"))
    words = ["dust"] * 200
    example = LabelledExample("here", {"inputs": words, "is_split_into_words": True}, ("O",) * 200)
    (tags,) = predict(pipe, [example])
    assert isinstance(tags, tuple)
    assert len(tags) == 200
    assert set(tags[126:]) == {"O"}


def test_a_mask_takes_the_place_of_one_piece(exported: Exported) -> None:
    pipe = ConvBertOnnxPipeline(exported(task="fill-mask"))
    text = "The dust falls on the Amazon."
    examples = [LabelledExample(f"line {number}", {"inputs": text}, None) for number in range(40)]
    masked = mask_pieces(pipe, examples)
    tokens = pipe.tokenizer.tokenize(text)
    assert all(tokens[one.call["position"]] == one.expected for one in masked)
    assert {one.call["position"] for one in masked} == set(range(len(tokens)))
    assert mask_pieces(pipe, examples) == masked != mask_pieces(pipe, examples, seed=1)
    # The word piece is masked, as the pipeline masks a whole word.
    word = next(one for one in masked if one.expected == "on")
    expected = pipe("The dust falls [MASK] the Amazon.", top_k=1)[0]["token"]
    assert predict(pipe, [word]) == pipe.tokenizer.convert_ids_to_tokens([expected])


def test_texts_longer_than_the_model_are_cut(exported: Exported, tmp_path: Path) -> None:
    long = "dust " * 300
    (tmp_path / "a.tsv").write_text(f"text\tlabel\n{long}\t0\n")
    assert evaluate(exported("grouped", task="text-classification"), tmp_path / "a.tsv").examples == 1
    (tmp_path / "a.txt").write_text(long)
    assert evaluate(exported("grouped", task="fill-mask"), tmp_path / "a.txt").examples == 1


def test_progress_counts_examples(exported: Exported) -> None:
    steps: list[tuple[str, int, int]] = []
    pipe = ConvBertOnnxPipeline(exported(task="fill-mask"))
    evaluate(pipe, FILES["fill-mask"], progress=lambda *step: steps.append(step))
    assert steps == [("evaluating", done, 20) for done in (0, 8, 16, 20)]


def test_questions_without_answers_have_metrics_of_their_own(exported: Exported) -> None:
    two = evaluate(exported(), FILES["question-answering"]).metrics
    assert list(two) == ["f1", "exact_match", "has_answer_f1", "has_answer_exact", "no_answer_exact"]
    assert math.isclose(two["exact_match"], (two["has_answer_exact"] + two["no_answer_exact"]) / 2)
    assert list(evaluate(exported(), LABELLED / "squad-1.1.json").metrics) == ["f1", "exact_match"]


def test_what_cannot_be_evaluated_is_refused(exported: Exported, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="feature-extraction has no labelled data"):
        evaluate(exported(task="feature-extraction"), FILES["fill-mask"])
    with pytest.raises(InputError, match="limit parameter should be >= 1"):
        evaluate(exported(), FILES["question-answering"], limit=0)
    with pytest.raises(InputError, match="batch_size parameter should be >= 1"):
        evaluate(exported(), FILES["question-answering"], batch_size=0)
    (tmp_path / "a.txt").write_text("fine\n\u4e00\U0001f600\n")
    with pytest.raises(InputError, match="line 2: there is no word piece to mask"):
        evaluate(exported(task="fill-mask"), tmp_path / "a.txt")
    question = {"question": "", "answers": [{"text": "a", "answer_start": 0}]}
    content = {"data": [{"paragraphs": [{"context": "a b", "qas": [question]}]}]}
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"qas\[0\]: `question` cannot be empty"):
        evaluate(exported(), tmp_path / "a.json")
