"""Text classification on tables (.csv or .tsv with a header) or JSON Lines (.jsonl), with accuracy and macro F1.

Columns or keys are ``text``, ``label`` and optionally ``text_pair``. Expected and predicted are the names of labels.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import InputError
from convbert_onnx.runtime.evaluation.base import Call, LabelledEvaluation, LabelledExample
from convbert_onnx.runtime.evaluation.datasets import (
    csv_rows,
    json_lines,
    label_name,
    listed_labels,
    string_field,
    tsv_rows,
)
from convbert_onnx.runtime.evaluation.metrics import Score, accuracy_score, macro_f1
from convbert_onnx.runtime.evaluation.predictions import run_examples
from convbert_onnx.runtime.evaluation.sample_text import SENTENCES
from convbert_onnx.runtime.pipeline import ConvBertOnnxPipeline

__all__ = ["EVALUATION", "TextClassificationEvaluation"]


class TextClassificationEvaluation(LabelledEvaluation[str, str]):
    """Accuracy and macro F1 of labels, for models that give a text one of several labels."""

    def read(self, path: Path, text: str, config: ConvBertConfig) -> Iterator[LabelledExample]:
        """The rows of a table, or of JSON Lines."""
        if config.problem_type in ("regression", "multi_label_classification") or config.num_labels == 1:
            kind = config.problem_type or "regression"
            raise InputError(
                f"the model is for {kind}: only models that give a text one of several labels can be evaluated"
            )
        for place, row in _rows(path, text):
            for name in ("text", "label"):
                if row.get(name) is None:
                    raise InputError(f"{place}: `{name}` is missing; expected text, label and optionally text_pair")
            pair = {} if row.get("text_pair") is None else {"text_pair": string_field(row, "text_pair", place)}
            inputs = {"text": string_field(row, "text", place), **pair}
            # As is usual in evaluations, a text that is longer than the model's maximum length is cut.
            yield LabelledExample(place, {"inputs": inputs, "truncation": True}, _label(row["label"], config, place))

    def predict(
        self, pipe: ConvBertOnnxPipeline, examples: Sequence[LabelledExample], batch_size: int | None
    ) -> list[str]:
        """The label of each text."""
        return [result["label"] for result in run_examples(pipe, examples, batch_size)]

    def score(self, expected: Sequence[str], predicted: Sequence[str]) -> Score:
        """Accuracy and macro F1."""
        score = accuracy_score(expected, predicted)
        return replace(score, metrics={**score.metrics, "macro_f1": macro_f1(expected, predicted)})

    def sample_calls(self, pipe: ConvBertOnnxPipeline) -> list[Call]:
        """The sample sentences."""
        return [self.text_call(pipe, sentence) for sentence in SENTENCES]

    def text_call(self, pipe: ConvBertOnnxPipeline, text: str) -> Call:
        """A call whose result is one label."""
        return {"inputs": {"text": text}}


EVALUATION = TextClassificationEvaluation()


def _label(label: object, config: ConvBertConfig, place: str) -> str:
    if isinstance(label, list):
        raise InputError(f"{place}: a text with several labels cannot be evaluated; give one label")
    if isinstance(label, str) and label in config.label2id:
        return label
    if isinstance(label, str | int) and not isinstance(label, bool):
        name = label_name(str(label), config)
        if name in config.label2id:
            return name
    raise InputError(f"{place}: the model has no label {label!r:.60}; it has {listed_labels(config)}")


def _rows(path: Path, text: str) -> Iterator[tuple[str, Mapping[str, object]]]:
    """The rows of a table, by the names in its header, or the objects of JSON Lines."""
    if path.suffix == ".jsonl":
        yield from json_lines(path, text)
        return
    if path.suffix not in (".csv", ".tsv"):
        raise InputError(f"{path}: expected a file with the suffix .csv, .tsv or .jsonl")
    # In tab-separated files, quotes are part of the text.
    table = csv_rows(path, text) if path.suffix == ".csv" else tsv_rows(path, text)
    _, header = next(table, ("", []))
    if not {"text", "label"} <= set(header):
        raise InputError(
            f"{path}, line 1: expected a header with text, label and optionally text_pair, not "
            f"{', '.join(header) or 'an empty file'}: rename the columns"
        )
    for place, row in table:
        if len(row) > len(header):
            raise InputError(f"{place}: the row has more columns than the header; put quotes around texts in .csv")
        yield place, dict(zip(header, row, strict=False))
