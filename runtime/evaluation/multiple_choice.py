"""Multiple choice on JSON Lines with ``prompt``, ``choices`` and ``label``, with accuracy.

A label is the number of a choice, from 0, or its text. Expected and predicted are numbers of choices.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import InputError
from convbert_onnx.runtime.evaluation.base import Call, LabelledEvaluation, LabelledExample
from convbert_onnx.runtime.evaluation.datasets import json_lines, string_field
from convbert_onnx.runtime.evaluation.metrics import Score, accuracy_score
from convbert_onnx.runtime.evaluation.predictions import run_examples
from convbert_onnx.runtime.evaluation.sample_text import SENTENCES
from convbert_onnx.runtime.pipeline import ConvBertOnnxPipeline

__all__ = ["EVALUATION", "MultipleChoiceEvaluation"]

_SAMPLE_CHOICES = 3


class MultipleChoiceEvaluation(LabelledEvaluation[int, int]):
    """Accuracy of choices."""

    def read(self, path: Path, text: str, config: ConvBertConfig) -> Iterator[LabelledExample]:
        """The examples of JSON Lines."""
        for place, row in json_lines(path, text):
            choices, label = row.get("choices"), row.get("label")
            if not isinstance(choices, list) or not choices or not all(isinstance(choice, str) for choice in choices):
                raise InputError(f"{place}: `choices` is missing or not a list of strings")
            if isinstance(label, str) and label in choices:
                label = choices.index(label)
            if isinstance(label, bool) or not isinstance(label, int) or not 0 <= label < len(choices):
                raise InputError(
                    f"{place}: `label` must be the number of a choice, 0 to {len(choices) - 1}, or its text"
                )
            call = {"prompt": string_field(row, "prompt", place), "choices": choices, "truncation": True}
            yield LabelledExample(place, call, label)

    def predict(
        self, pipe: ConvBertOnnxPipeline, examples: Sequence[LabelledExample], batch_size: int | None
    ) -> list[int]:
        """The number of the choice for each prompt."""
        return [result["label"] for result in run_examples(pipe, examples, batch_size)]

    def score(self, expected: Sequence[int], predicted: Sequence[int]) -> Score:
        """Accuracy."""
        return accuracy_score(expected, predicted)

    def sample_calls(self, pipe: ConvBertOnnxPipeline) -> list[Call]:
        """The beginning of each sample sentence, with its own end and those of the sentences before it."""
        return [_sample_call(number) for number in range(len(SENTENCES))]


EVALUATION = MultipleChoiceEvaluation()


def _sample_call(number: int) -> Call:
    *beginning, _ = SENTENCES[number].split(maxsplit=4)
    ends = [SENTENCES[number - shift].split(maxsplit=4)[-1] for shift in range(_SAMPLE_CHOICES)]
    return {"prompt": " ".join(beginning), "choices": ends}
