"""What a change of precision does to answers: a file beside its fp32 original, on text."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbert_onnx.bundle import Comparison
from convbert_onnx.errors import InputError
from convbert_onnx.exporters.quantization.truncate_calls import cut_call
from convbert_onnx.runtime.evaluation.base import LabelledExample
from convbert_onnx.runtime.evaluation.evaluate import labelled_examples, score
from convbert_onnx.runtime.evaluation.fill_mask import mask_pieces
from convbert_onnx.runtime.evaluation.predictions import predict
from convbert_onnx.runtime.evaluation.sample_text import QUESTIONS, SENTENCES
from convbert_onnx.runtime.pipeline import ConvBertOnnxPipeline

__all__ = ["compare", "mean_difference"]

_CHOICES = 3


def compare(original: Path, changed: Path, data: Path | None = None) -> Comparison:
    """Run both files on text: outputs on the sample that ships with the exporter, answers on labelled data if given.

    Args:
        original: the file that is right, a bundle.
        changed: the one that may differ; it needs no bundle.
        data: labelled data in the format of the task, see :func:`convbert_onnx.runtime.evaluation.evaluate.evaluate`.

    Raises:
        InputError: the data are not in the task's format, or do not fit the model.
    """
    first, second = _open(original, changed)
    differences = _differences(first, second)
    mean, worst = float(differences.mean()), float(differences.max())
    if first.task == "feature-extraction":
        return Comparison(texts=len(SENTENCES), same_answers=None, mean_difference=mean, worst_difference=worst)
    examples = _sample(first) if data is None else labelled_examples(first, data)
    before, after = (predict(pipe, examples) for pipe in (first, second))
    comparison = Comparison(
        texts=len(examples),
        same_answers=sum(one == other for one, other in zip(before, after, strict=True)),
        mean_difference=mean,
        worst_difference=worst,
    )
    if data is None:
        return comparison
    scores = [score(first.task, examples, predictions) for predictions in (before, after)]
    return replace(
        comparison,
        data=data.name,
        metric=scores[0].main,
        before=scores[0].metrics[scores[0].main],
        after=scores[1].metrics[scores[1].main],
    )


def mean_difference(original: Path, changed: Path) -> float:
    """The mean absolute difference of the outputs on the sample."""
    return float(_differences(*_open(original, changed)).mean())


def _open(original: Path, changed: Path) -> tuple[ConvBertOnnxPipeline, ConvBertOnnxPipeline]:
    first = ConvBertOnnxPipeline(original)
    return first, ConvBertOnnxPipeline(changed, first.task, tokenizer=first.tokenizer, config=first.config)


def _differences(first: ConvBertOnnxPipeline, second: ConvBertOnnxPipeline) -> NDArray[np.float32]:
    calls = [dict(example.call) for example in _sample(first)]
    if first.task == "fill-mask":
        calls = [{"inputs": f"{first.tokenizer.mask_token} {sentence}"} for sentence in SENTENCES]
    calls = [cut_call(first, call) for call in calls]
    pairs = zip(first.raw_outputs_many(calls), second.raw_outputs_many(calls), strict=True)
    return np.concatenate(
        [
            np.abs(one[name] - other[name]).ravel()
            for rows, others in pairs
            for one, other in zip(rows, others, strict=True)
            for name in one
        ]
    )


def _sample(pipe: ConvBertOnnxPipeline) -> list[LabelledExample]:
    """The text as examples of the task, with nothing expected, cut to what the model reads."""
    calls: list[dict[str, Any]]
    if pipe.task == "question-answering":
        calls = [{"question": question, "context": context} for question, context in QUESTIONS]
    elif pipe.task == "multiple-choice":
        calls = [_choice(number) for number in range(len(SENTENCES))]
    elif pipe.task == "token-classification":
        calls = [{"inputs": sentence.split(), "is_split_into_words": True} for sentence in SENTENCES]
    elif pipe.task == "text-classification":
        calls = [{"inputs": {"text": sentence}} for sentence in SENTENCES]
    else:
        calls = [{"inputs": sentence} for sentence in SENTENCES]
    examples = [LabelledExample(f"sample {number}", call, None) for number, call in enumerate(calls, 1)]
    if pipe.task == "fill-mask":
        return _masked(pipe, examples)
    return [replace(example, call=cut_call(pipe, example.call)) for example in examples]


def _masked(pipe: ConvBertOnnxPipeline, examples: list[LabelledExample]) -> list[LabelledExample]:
    """The examples with a word piece to be masked, without those of which the vocabulary knows no piece."""
    try:
        return mask_pieces(pipe, examples)
    except InputError:
        if pipe.tokenizer.mask_token_id is None:
            raise
    found = []
    for example in examples:
        with suppress(InputError):
            found += mask_pieces(pipe, [example])
    # A vocabulary of another script may know nothing of the sample: an unknown word is masked as well as another.
    return found or [replace(example, call={**example.call, "position": 0}) for example in examples]


def _choice(number: int) -> dict[str, Any]:
    """The beginning of a sentence with its own end and those of the sentences before."""
    *beginning, _ = SENTENCES[number].split(maxsplit=4)
    ends = [SENTENCES[number - shift].split(maxsplit=4)[-1] for shift in range(_CHOICES)]
    return {"prompt": " ".join(beginning), "choices": ends}
