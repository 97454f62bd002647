"""Token classification on CoNLL files, with seqeval's metrics.

A line has a word and, last, its tag; a blank line ends a sentence. Expected and predicted are the tags of a sentence's
words.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import InputError
from convbert_onnx.runtime.evaluation.base import Call, LabelledEvaluation, LabelledExample
from convbert_onnx.runtime.evaluation.datasets import label_name, listed_labels
from convbert_onnx.runtime.evaluation.entity_metrics import entity_counts, entity_scores, entity_type
from convbert_onnx.runtime.evaluation.metrics import Score, accuracy, bootstrap_interval
from convbert_onnx.runtime.evaluation.predictions import run_examples
from convbert_onnx.runtime.evaluation.sample_text import SENTENCES
from convbert_onnx.runtime.pipeline import ConvBertOnnxPipeline
from convbert_onnx.runtime.pipelines.token_classification import Entity

__all__ = ["EVALUATION", "TokenClassificationEvaluation"]

_COLUMN_SEPARATOR = re.compile("[ \t]+")
"""Other whitespace is part of a word, such as the narrow no-break space in the French 10\u202f000."""


class TokenClassificationEvaluation(LabelledEvaluation[tuple[str, ...], tuple[str, ...]]):
    """Precision, recall and F1 of entities."""

    def read(self, path: Path, text: str, config: ConvBertConfig) -> Iterator[LabelledExample]:
        """The sentences of a CoNLL file."""
        types = {entity_type(label) for label in config.id2label.values() if label != "O"}
        labels = listed_labels(config)
        if None in types:
            raise InputError(
                f"the model's labels are {labels}: entities can be counted only with labels that are O or begin "
                "with B-, I-, E- or S-"
            )
        words: list[str] = []
        tags: list[str] = []
        start = 1
        for number, line in enumerate([*text.split("\n"), ""], start=1):
            columns = _COLUMN_SEPARATOR.split(line.strip(" \t")) if line.strip() else []
            if not columns or columns[0] == "-DOCSTART-":
                if words:
                    call = {"inputs": words, "is_split_into_words": True}
                    yield LabelledExample(f"{path}, line {start}", call, tuple(tags))
                words, tags, start = [], [], number + 1
                continue
            if len(columns) < 2:
                raise InputError(f"{path}, line {number}: expected a word and its tag, separated by a space or tab")
            tag = label_name(columns[-1], config)
            # By type, because B-PER and I-PER mean the same at the beginning of an entity.
            if tag != "O" and entity_type(tag) not in types:
                raise InputError(f"{path}, line {number}: the model has no label {tag!r:.60}; it has {labels}")
            words.append(columns[0])
            tags.append(tag)

    def predict(
        self, pipe: ConvBertOnnxPipeline, examples: Sequence[LabelledExample], batch_size: int | None
    ) -> list[tuple[str, ...]]:
        """The tags of the words of each sentence."""
        results = run_examples(pipe, examples, batch_size, ignore_labels=[], aggregation_strategy="none")
        return [_tags(example.call["inputs"], tokens) for example, tokens in zip(examples, results, strict=True)]

    def score(self, expected: Sequence[tuple[str, ...]], predicted: Sequence[tuple[str, ...]]) -> Score:
        """Metrics of entities, and the accuracy over words."""
        counts = entity_counts(expected, predicted)
        metrics = entity_scores(counts.sum(axis=0))
        words = [[tag for tags in sentences for tag in tags] for sentences in (expected, predicted)]
        metrics["word_accuracy"] = accuracy(*words)
        interval = bootstrap_interval(counts, lambda sums: entity_scores(sums)["f1"])
        return Score(metrics, "f1", interval, "bootstrap")

    def sample_calls(self, pipe: ConvBertOnnxPipeline) -> list[Call]:
        """The words of the sample sentences."""
        return [{"inputs": sentence.split(), "is_split_into_words": True} for sentence in SENTENCES]

    def truncated(self, pipe: ConvBertOnnxPipeline, call: Call) -> Call:
        """The call as it is, because the pipeline always cuts texts."""
        return call


EVALUATION = TokenClassificationEvaluation()


def _tags(words: Sequence[str], tokens: Sequence[Entity]) -> tuple[str, ...]:
    """The label of each word's first token; O for words without tokens or past the model's maximum length."""
    # The pipeline's offsets refer to the words joined with spaces.
    starts = np.cumsum([0, *(len(word) + 1 for word in words[:-1])])
    tags: dict[int, str] = {}
    for token in tokens:
        word = int(np.searchsorted(starts, token["start"], side="right")) - 1
        tags.setdefault(word, token["entity"])
    return tuple(tags.get(word, "O") for word in range(len(words)))
