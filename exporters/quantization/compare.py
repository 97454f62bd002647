"""Compare quantized files with their fp32 original, on sample text or labelled data."""

from contextlib import suppress
from dataclasses import replace
from functools import cached_property
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

__all__ = ["Reference"]

_CHOICES = 3


class Reference:
    """The fp32 original that quantized files are compared with.

    It is opened once, and its outputs and predictions are computed once, when they are first needed.

    Args:
        file: the fp32 file, a bundle.
        data: labelled data in the task's format, see :func:`convbert_onnx.runtime.evaluate`; by default answers are
            compared on sample text.

    Attributes:
        file: the fp32 file.
        pipe: the pipeline that runs it.
    """

    def __init__(self, file: Path, data: str | Path | None = None) -> None:
        self.file = file
        self.pipe = ConvBertOnnxPipeline(file)
        self._data = Path(data) if data is not None else None

    def compare(self, file: Path) -> Comparison:
        """Compare outputs on sample text, and answers on the labelled data or else on sample text.

        Args:
            file: the other file; it needs no bundle.

        Raises:
            InputError: the data are not in the task's format, or do not fit the model.
        """
        other = self._open(file)
        differences = self._differences(other)
        mean, worst = float(differences.mean()), float(differences.max())
        if self.pipe.task == "feature-extraction":
            return Comparison(texts=len(SENTENCES), same_answers=None, mean_difference=mean, worst_difference=worst)
        before, after = self._predictions, predict(other, self._examples)
        comparison = Comparison(
            texts=len(self._examples),
            same_answers=sum(one == other for one, other in zip(before, after, strict=True)),
            mean_difference=mean,
            worst_difference=worst,
        )
        if self._data is None:
            return comparison
        scores = [score(self.pipe.task, self._examples, predictions) for predictions in (before, after)]
        return replace(
            comparison,
            data=self._data.name,
            metric=scores[0].main,
            before=scores[0].metrics[scores[0].main],
            after=scores[1].metrics[scores[1].main],
        )

    def mean_difference(self, file: Path) -> float:
        """The mean absolute difference of the outputs on sample text."""
        return float(self._differences(self._open(file)).mean())

    def _open(self, file: Path) -> ConvBertOnnxPipeline:
        return ConvBertOnnxPipeline(file, self.pipe.task, tokenizer=self.pipe.tokenizer, config=self.pipe.config)

    @cached_property
    def _examples(self) -> list[LabelledExample]:
        return _sample(self.pipe) if self._data is None else labelled_examples(self.pipe, self._data)

    @cached_property
    def _predictions(self) -> list[Any]:
        return predict(self.pipe, self._examples)

    @cached_property
    def _calls(self) -> list[dict[str, Any]]:
        """The calls on sample text whose outputs are compared."""
        calls = [dict(example.call) for example in _sample(self.pipe)]
        if self.pipe.task == "fill-mask":
            calls = [{"inputs": f"{self.pipe.tokenizer.mask_token} {sentence}"} for sentence in SENTENCES]
        return [cut_call(self.pipe, call) for call in calls]

    @cached_property
    def _outputs(self) -> list[Any]:
        return list(self.pipe.raw_outputs_many(self._calls))

    def _differences(self, other: ConvBertOnnxPipeline) -> NDArray[np.float32]:
        """The absolute differences of all outputs, flattened."""
        return np.concatenate(
            [
                np.abs(ours[name] - theirs[name]).ravel()
                for our_rows, their_rows in zip(self._outputs, other.raw_outputs_many(self._calls), strict=True)
                for ours, theirs in zip(our_rows, their_rows, strict=True)
                for name in ours
            ]
        )


def _sample(pipe: ConvBertOnnxPipeline) -> list[LabelledExample]:
    """The sample text as examples of the task without expected answers, truncated to the model's maximum length."""
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
    """The examples with a word piece to be masked, without those of which the vocabulary has no piece."""
    try:
        return mask_pieces(pipe, examples)
    except InputError:
        if pipe.tokenizer.mask_token_id is None:
            raise
    masked = []
    for example in examples:
        with suppress(InputError):
            masked += mask_pieces(pipe, [example])
    # A vocabulary of another script may have no piece of the sample: then an unknown token is masked.
    return masked or [replace(example, call={**example.call, "position": 0}) for example in examples]


def _choice(number: int) -> dict[str, Any]:
    """The beginning of a sentence with its own end and the ends of the sentences before it."""
    *beginning, _ = SENTENCES[number].split(maxsplit=4)
    ends = [SENTENCES[number - shift].split(maxsplit=4)[-1] for shift in range(_CHOICES)]
    return {"prompt": " ".join(beginning), "choices": ends}
