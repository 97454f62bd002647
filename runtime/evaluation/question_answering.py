"""Question answering on SQuAD's JSON, version 1.1 or 2.0, with the metrics of SQuAD 2.0.

Expected are the answers of a question, none for a question without an answer; predicted is the text of an answer, empty
for "no answer".
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import InputError
from convbert_onnx.runtime.evaluation.base import Call, LabelledEvaluation, LabelledExample
from convbert_onnx.runtime.evaluation.datasets import string_field
from convbert_onnx.runtime.evaluation.metrics import Score, bootstrap_interval
from convbert_onnx.runtime.evaluation.predictions import run_examples
from convbert_onnx.runtime.evaluation.sample_text import QUESTIONS
from convbert_onnx.runtime.evaluation.squad_metrics import answer_f1, exact_match
from convbert_onnx.runtime.pipeline import ConvBertOnnxPipeline
from convbert_onnx.runtime.pipelines.question_answering import QuestionAnsweringParameters

__all__ = ["EVALUATION", "QuestionAnsweringEvaluation"]


class QuestionAnsweringEvaluation(LabelledEvaluation[tuple[str, ...], str]):
    """Exact match and F1 of answers."""

    def read(self, path: Path, text: str, config: ConvBertConfig) -> Iterator[LabelledExample]:
        """The questions of SQuAD's JSON."""
        try:
            content = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path} is not JSON ({error}); expected SQuAD's format") from error
        for article, paragraphs in _entries(content, "data", "paragraphs", f"{path}"):
            for paragraph, questions in _entries(paragraphs, "paragraphs", "qas", article):
                context = string_field(questions, "context", paragraph)
                for number, question in enumerate(_list(questions, "qas", paragraph)):
                    yield _example(question, context, f"{paragraph}.qas[{number}]")

    def predict(
        self, pipe: ConvBertOnnxPipeline, examples: Sequence[LabelledExample], batch_size: int | None
    ) -> list[str]:
        """The text of each answer; empty for "no answer"."""
        return [result["answer"] for result in run_examples(pipe, examples, batch_size)]

    def score(self, expected: Sequence[tuple[str, ...]], predicted: Sequence[str]) -> Score:
        """F1 and exact match over all questions, and over those with and without answers if there are both."""
        pairs = list(zip(predicted, expected, strict=True))
        f1s = [answer_f1(answer, answers) for answer, answers in pairs]
        exact = [exact_match(answer, answers) for answer, answers in pairs]
        metrics = {"f1": _mean(f1s), "exact_match": _mean(exact)}
        answerable = [number for number, answers in enumerate(expected) if answers]
        if len(answerable) < len(expected):
            if answerable:
                metrics["has_answer_f1"] = _mean([f1s[number] for number in answerable])
                metrics["has_answer_exact"] = _mean([exact[number] for number in answerable])
            metrics["no_answer_exact"] = _mean(
                [exact[number] for number, (_, answers) in enumerate(pairs) if not answers]
            )
        interval = bootstrap_interval([[value, 1] for value in f1s], lambda sums: float(sums[0] / sums[1]))
        return Score(metrics, "f1", interval, "bootstrap")

    def sample_calls(self, pipe: ConvBertOnnxPipeline) -> list[Call]:
        """The questions of the sample text."""
        return [{"question": question, "context": context} for question, context in QUESTIONS]

    def truncated(self, pipe: ConvBertOnnxPipeline, call: Call) -> Call:
        """The call with a question of at most half a window, so that the other half holds context."""
        room = pipe.max_length - pipe.tokenizer.num_special_tokens(pair=True)
        return {"max_question_len": max(1, min(QuestionAnsweringParameters.max_question_len, room // 2)), **call}


EVALUATION = QuestionAnsweringEvaluation()


def _example(question: object, context: str, place: str) -> LabelledExample:
    if not isinstance(question, dict):
        raise InputError(f"{place} must be an object with question and answers")
    answers = tuple(string_field(answer, "text", place) for answer in _list(question, "answers", place))
    impossible = question.get("is_impossible", False)
    if not isinstance(impossible, bool):
        raise InputError(f"{place}: `is_impossible` must be true or false, not {impossible!r:.40}")
    expected = () if impossible else answers
    call: dict[str, object] = {"question": string_field(question, "question", place), "context": context}
    # SQuAD 2.0 states for every question whether it has an answer; then "no answer" must be able to win.
    if not expected or "is_impossible" in question:
        call["handle_impossible_answer"] = True
    return LabelledExample(place, call, expected)


def _entries(holder: object, name: str, inner: str, place: str) -> Iterator[tuple[str, object]]:
    """The objects in a list of the SQuAD format, each with its place."""
    for number, entry in enumerate(_list(holder, name, place)):
        own = f"{place}.{name}[{number}]" if "[" in place else f"{place}, {name}[{number}]"
        if not isinstance(entry, dict):
            raise InputError(f"{own} must be an object with {inner}")
        yield own, entry


def _list(holder: object, name: str, place: str) -> list[object]:
    if not isinstance(holder, dict) or not isinstance(holder.get(name), list):
        raise InputError(f"{place}: the list `{name}` of SQuAD's format is missing")
    entries: list[object] = holder[name]
    return entries


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
