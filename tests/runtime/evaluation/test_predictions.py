"""Predictions for labelled examples."""

import pytest
from golden import DATA, Exported
from labelled import LABELLED

from convbert_onnx import ConvBertOnnxPipeline
from convbert_onnx.errors import InputError
from convbert_onnx.runtime.evaluation.base import LabelledExample
from convbert_onnx.runtime.evaluation.evaluate import evaluate, labelled_examples
from convbert_onnx.runtime.evaluation.metrics import agreement
from convbert_onnx.runtime.evaluation.predictions import predict

FILES = {
    "question-answering": LABELLED / "squad-2.0.json",
    "token-classification": LABELLED / "wikigold.conll",
    "text-classification": LABELLED / "polarity.tsv",
    "multiple-choice": LABELLED / "codah.jsonl",
    "fill-mask": DATA / "multilingual.txt",
}


@pytest.mark.parametrize("task", FILES)
def test_predict_is_independent_of_batch_size_and_limit(exported: Exported, task: str) -> None:
    pipe = ConvBertOnnxPipeline(exported(task=task))
    examples = labelled_examples(pipe, FILES[task])
    predictions = predict(pipe, examples)
    assert predict(pipe, examples, batch_size=1) == predictions
    some = labelled_examples(pipe, FILES[task], limit=5)
    assert len(some) == 5
    assert predict(pipe, some) == predictions[:5]
    assert evaluate(pipe, FILES[task], limit=5, batch_size=2).examples == 5


def test_predictions_of_two_exports_of_a_model_agree(exported: Exported) -> None:
    pipes = [ConvBertOnnxPipeline(exported(target=target)) for target in ("cpu", "portable")]
    predictions = [predict(pipe, labelled_examples(pipe, FILES["question-answering"])) for pipe in pipes]
    assert agreement(*predictions) == 1


def test_progress_counts_examples_in_chunks(exported: Exported) -> None:
    steps: list[tuple[str, int, int]] = []
    pipe = ConvBertOnnxPipeline(exported(task="fill-mask"))
    evaluate(pipe, FILES["fill-mask"], progress=lambda *step: steps.append(step))
    assert steps == [("evaluating", done, 20) for done in (0, 8, 16, 20)]


def test_refused_example_is_named_by_its_place(exported: Exported) -> None:
    example = LabelledExample("a.json, data[0]", {"question": "", "context": "a b"}, ("a",))
    with pytest.raises(InputError, match=r"a\.json, data\[0\]: `question` cannot be empty"):
        predict(ConvBertOnnxPipeline(exported()), [example])
