"""Extractive question answering (reference: transformers 4.57 ``pipelines/question_answering.py``).

Differences on purpose: ``max_question_len`` is honoured, and candidates that are no span of the context (end before
start, or on a special token), which the reference lists with a score of 0 where a context is very short, are left out.
"""

import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypedDict

import numpy as np

from convbert_onnx.errors import InputError, InputTypeError, MissingKeyError
from convbert_onnx.runtime.encoding import Encoding
from convbert_onnx.runtime.model import Outputs
from convbert_onnx.runtime.parameters import flag, one_of, whole_number
from convbert_onnx.runtime.scores import FloatArray, softmax
from convbert_onnx.runtime.task_pipeline import Examples, TaskPipeline

__all__ = ["Answer", "QuestionAnswering", "QuestionAnsweringExample", "QuestionAnsweringParameters"]


class Answer(TypedDict):
    """An answer: its probability, where it starts and ends in the context (in characters), and its text."""

    score: float
    start: int
    end: int
    answer: str


@dataclass(frozen=True)
class QuestionAnsweringExample:
    """A question and the text that answers it."""

    question: str
    context: str


@dataclass(frozen=True)
class QuestionAnsweringParameters:
    """What a caller can set.

    Attributes:
        top_k: how many answers are given; fewer where the context has fewer. ``topk`` is its old name.
        doc_stride: tokens that a window repeats from the one before; by default half of ``max_seq_len``, at most 128.
        max_answer_len: longest answer in tokens.
        max_seq_len: longest window in tokens; by default the model's maximum, at most 384.
        max_question_len: tokens after which a question is cut.
        handle_impossible_answer: let "no answer" (an empty text) compete.
        align_to_words: widen answers to whole words.
        padding: "do_not_pad", "longest" (of the windows of a context) or "max_length" (``max_seq_len``). It changes
            numbers only for models that were exported with ``--padding as-trained``.
    """

    top_k: int = 1
    doc_stride: int | None = None
    max_answer_len: int = 15
    max_seq_len: int | None = None
    max_question_len: int = 64
    handle_impossible_answer: bool = False
    align_to_words: bool = True
    padding: str | bool = "do_not_pad"
    topk: int | None = None

    def __post_init__(self) -> None:
        if self.topk is not None:
            warnings.warn("topk is the old name of top_k", DeprecationWarning, stacklevel=4)
            object.__setattr__(self, "top_k", self.topk)
        for name, least in (("top_k", 1), ("max_answer_len", 1), ("max_question_len", 1)):
            whole_number(name, getattr(self, name), least)
        for name, least in (("doc_stride", 0), ("max_seq_len", 1)):
            if getattr(self, name) is not None:
                whole_number(name, getattr(self, name), least)
        for name in ("handle_impossible_answer", "align_to_words"):
            flag(name, getattr(self, name))
        one_of("padding", self.padding, ("do_not_pad", "longest", "max_length", True, False))


class QuestionAnswering(TaskPipeline[QuestionAnsweringExample, QuestionAnsweringParameters]):
    """Finds the span of a context that answers a question."""

    arguments = ("question", "context", "data", "X")
    parameters = QuestionAnsweringParameters

    def examples(self, parameters: QuestionAnsweringParameters, *args: Any, **arguments: Any) -> Examples:
        """The examples in a call: keywords, a dict, a list of them, two strings, or an iterator.

        Raises:
            InputError: the arguments fit no form, or lists have different lengths.
        """
        match args:
            case ():
                items = arguments.pop("data", arguments.pop("X", None))
            case (items,):
                pass
            case (str(question), str(context)):
                items = {"question": question, "context": context}
            case _:
                items = list(args)
        if items is None:
            items, arguments = _pair_up(arguments), {}
        if arguments:
            raise InputError(f"examples were given, so {', '.join(arguments)} has no place: use one form or the other")
        if isinstance(items, Iterator):
            return items
        several = isinstance(items, Iterable) and not isinstance(items, Mapping | str)
        found = list(items) if several else [items]
        # The reference gives the result of a list of one without a list around it.
        return {"data": found[0]} if len(found) == 1 else found

    def example(self, item: Any) -> QuestionAnsweringExample:
        """An example from a dict with ``question`` and ``context``, or from a SquadExample.

        Raises:
            MissingKeyError: one of them is missing.
            InputError: one of them is None or empty.
            InputTypeError: the item, or one of them, is of another type.
        """
        if isinstance(item, Mapping) and item.keys() == {"data"}:
            item = item["data"]
        if isinstance(item, QuestionAnsweringExample):
            return item
        if hasattr(item, "question_text") and hasattr(item, "context_text"):
            item = {"question": item.question_text, "context": item.context_text}
        if not isinstance(item, Mapping):
            raise InputTypeError(_FORMS)
        for name in ("question", "context"):
            if name not in item:
                raise MissingKeyError(f"`{name}` is missing: an example needs the keys question and context")
            if item[name] is None:
                raise InputError(f"`{name}` cannot be None")
            if not isinstance(item[name], str):
                raise InputTypeError(f"`{name}` must be a string, not {type(item[name]).__name__}")
            if not item[name]:
                raise InputError(f"`{name}` cannot be empty")
        return QuestionAnsweringExample(item["question"], item["context"])

    def encode(self, example: QuestionAnsweringExample, parameters: QuestionAnsweringParameters) -> list[Encoding]:
        """The windows over the context, each behind the whole question.

        Raises:
            InputError: the lengths that were asked for do not fit the model or each other.
        """
        longest = parameters.max_seq_len or min(self.max_length, 384)
        if longest > self.max_length:
            raise InputError(
                f"`max_seq_len` ({longest}) is more than the {self.max_length} tokens that the model reads"
            )
        if parameters.doc_stride is not None and parameters.doc_stride > longest:
            raise InputError(f"`doc_stride` ({parameters.doc_stride}) is larger than `max_seq_len` ({longest})")
        question = self.tokenizer.encode_text(example.question)[: parameters.max_question_len]
        context = self.tokenizer.encode_text(example.context)
        room = longest - len(question) - self.tokenizer.num_special_tokens(pair=True)
        if room < 1:
            raise InputError(
                f"the question takes {len(question)} of {longest} tokens and leaves no room for the context: shorten "
                "it, or lower max_question_len"
            )
        stride = parameters.doc_stride
        if stride is None:
            usual = min(longest // 2, 128)
            stride = usual if usual < room else room // 2
        if self.tokenizer.padding_side == "left":  # the reference then puts the context first
            windows = self.tokenizer.windows(context, longest, stride, after=question)
        else:
            windows = self.tokenizer.windows(context, longest, stride, before=question)
        if parameters.padding in (False, "do_not_pad"):
            return windows
        width = longest if parameters.padding == "max_length" else max(len(window) for window in windows)
        return [replace(window, padded_length=width) for window in windows]

    def decode(
        self,
        example: QuestionAnsweringExample,
        parameters: QuestionAnsweringParameters,
        rows: list[Encoding],
        outputs: list[Outputs],
    ) -> Answer | list[Answer]:
        """The best answers over all windows; one alone is not put into a list."""
        answers: dict[str, Answer] = {}
        left = self.tokenizer.padding_side == "left"
        least_null = np.inf
        # Some candidates become the same once they are aligned to words.
        candidates = parameters.top_k * 2 + 10 if parameters.align_to_words else parameters.top_k
        for row, output in zip(rows, outputs, strict=True):
            # The reference finds answers everywhere where the context comes first.
            allowed = np.full(len(row), True) if left else row.sequences == 1
            allowed[0] = True  # the position of [CLS] stands for "no answer"
            start, end = (softmax(output[name], allowed) for name in ("start_logits", "end_logits"))
            least_null = min(least_null, start[0] * end[0])
            start[0] = end[0] = 0
            for first, last, score in _best_spans(start, end, candidates, parameters.max_answer_len):
                span = _characters(row, first, last, parameters.align_to_words, 0 if left else 1)
                text = example.context[slice(*span)]
                if known := answers.get(text.lower()):
                    known["score"] += score
                else:
                    answers[text.lower()] = Answer(score=score, start=span[0], end=span[1], answer=text)
        found = list(answers.values())
        if parameters.handle_impossible_answer or not found:
            null = float(least_null) if parameters.handle_impossible_answer else 0.0
            found.append(Answer(score=null, start=0, end=0, answer=""))
        found.sort(key=lambda answer: -answer["score"])
        return found[0] if len(found[: parameters.top_k]) == 1 else found[: parameters.top_k]


_FORMS = "give question= and context=, or a dict with these keys, or a list or an iterator of such dicts"


def _pair_up(arguments: Mapping[str, Any]) -> list[Any]:
    for name in ("question", "context"):
        if name not in arguments:
            raise MissingKeyError(f"`{name}` is missing: {_FORMS}")
    question, context = arguments["question"], arguments["context"]
    if not isinstance(question, list):
        if isinstance(context, list):
            raise InputTypeError(
                "one question over a list of contexts is ambiguous: give as many questions as contexts"
            )
        return [arguments]
    contexts = context if isinstance(context, list) else [context] * len(question)
    if len(question) != len(contexts):
        raise InputError(
            f"there are {len(question)} questions but {len(contexts)} contexts: give as many of one as of the other"
        )
    return [{"question": one, "context": other} for one, other in zip(question, contexts, strict=True)]


def _best_spans(start: FloatArray, end: FloatArray, count: int, longest: int) -> Iterator[tuple[int, int, float]]:
    """First token, last token and score of the ``count`` best spans, best first; impossible ones are left out."""
    length = len(start)
    # scores[s, d] is the span from s to s + d: only spans that are short enough are ever looked at.
    widths = min(longest, length)
    ends = np.lib.stride_tricks.sliding_window_view(np.append(end, np.zeros(widths - 1)), widths)
    scores = (start[:, None] * ends).ravel()
    best = np.argpartition(-scores, count - 1)[:count] if count < len(scores) else np.arange(len(scores))
    for index in sorted(best, key=lambda index: (-scores[index], index)):
        if scores[index] > 0:
            first, width = divmod(int(index), widths)
            yield first, first + width, float(scores[index])


def _characters(row: Encoding, first: int, last: int, align_to_words: bool, context: int) -> tuple[int, int]:
    """Where the tokens ``first`` to ``last`` lie in the context, widened to whole words of this row if asked."""
    if align_to_words:
        starts, ends = (
            np.flatnonzero((row.sequences == context) & (row.words == row.words[place])) for place in (first, last)
        )
        if len(starts) and len(ends):
            first, last = int(starts[0]), int(ends[-1])
    return int(row.offsets[first, 0]), int(row.offsets[last, 1])
