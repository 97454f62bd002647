"""Compare quantized files with their fp32 original, on sample text or labelled data."""

from collections.abc import Hashable
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convbert_onnx.bundle import Comparison
from convbert_onnx.runtime.evaluation.base import Call, LabelledEvaluation, LabelledExample, task_evaluation
from convbert_onnx.runtime.evaluation.evaluate import labelled_examples, score
from convbert_onnx.runtime.evaluation.predictions import predict
from convbert_onnx.runtime.model import Outputs
from convbert_onnx.runtime.pipeline import ConvBertOnnxPipeline

__all__ = ["Reference"]


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
        self._evaluation = task_evaluation(self.pipe.task)

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
        if not isinstance(self._evaluation, LabelledEvaluation):  # the task has no answers
            return Comparison(texts=len(self._calls), same_answers=None, mean_difference=mean, worst_difference=worst)
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
        """The examples whose answers are compared."""
        assert isinstance(self._evaluation, LabelledEvaluation)
        if self._data is None:
            return self._evaluation.sample_examples(self.pipe)
        return labelled_examples(self.pipe, self._data)

    @cached_property
    def _predictions(self) -> list[Hashable]:
        return predict(self.pipe, self._examples)

    @cached_property
    def _calls(self) -> list[Call]:
        """The calls on sample text whose outputs are compared."""
        return [self._evaluation.truncated(self.pipe, call) for call in self._evaluation.sample_calls(self.pipe)]

    @cached_property
    def _outputs(self) -> list[list[Outputs]]:
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
