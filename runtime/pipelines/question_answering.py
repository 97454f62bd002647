"""Extractive question answering (reference: transformers 4.57 ``pipelines/question_answering.py``).

Deliberate differences: ``max_question_len`` is honored, and candidates that are not a span of the context (end before
start, or on a special token), which the reference lists with a score of 0 if a context is very short, are left out.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypedDict

import numpy as np

from convbert_onnx.errors import InputError, InputTypeError, MissingKeyError
from convbert_onnx.runtime.model import Outputs
from convbert_onnx.runtime.parameters import (
    CallParameters,
    NonNegative,
    Padding,
    Positive,
    as_examples,
    as_list,
    check_string,
    warn_caller,
)
from convbert_onnx.runtime.pipelines.base import Examples, TaskPipeline
from convbert_onnx.runtime.pipelines.scored_lines import scored_line
from convbert_onnx.runtime.pipelines.scores import FloatArray, softmax
from convbert_onnx.runtime.tokenization.encoding import Encoding

__all__ = ["PIPELINE", "Answer", "QuestionAnswering", "QuestionAnsweringExample", "QuestionAnsweringParameters"]


class Answer(TypedDict):
    """An answer: its probability, its start and end in the context (in characters), and its text."""

    score: float
    start: int
    end: int
    answer: str


@dataclass(frozen=True)
class QuestionAnsweringExample:
    """A question and the text that contains the answer."""

    question: str
    context: str


@dataclass(frozen=True)
class QuestionAnsweringParameters(CallParameters):
    """Parameters of question answering.

    Attributes:
        top_k: number of answers, by default one; fewer if the context has fewer.
        doc_stride: tokens that consecutive windows share; by default half of ``max_seq_len``, at most 128.
        max_answer_len: maximum length of an answer in tokens.
        max_seq_len: maximum length of a window in tokens; by default the model's maximum, at most 384.
        max_question_len: maximum length of a question in tokens; longer questions are cut.
        handle_impossible_answer: let "no answer" (an empty text) compete.
        align_to_words: extend answers to whole words.
        padding: "do_not_pad", "longest" (of the windows of a context) or "max_length" (``max_seq_len``). It affects
            scores only for models that were exported with ``padding="as-trained"``.
        topk: deprecated, see ``top_k``.
    """

    top_k: Positive | None = None
    doc_stride: NonNegative | None = None
    max_answer_len: Positive = 15
    max_seq_len: Positive | None = None
    max_question_len: Positive = 64
    handle_impossible_answer: bool = False
    align_to_words: bool = True
    padding: Padding = "do_not_pad"
    topk: Positive | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.topk is not None:
            warn_caller("topk is the old name of top_k", DeprecationWarning)

    @property
    def count(self) -> int:
        """Number of answers."""
        return self.top_k or self.topk or 1


@dataclass(frozen=True)
class _Window:
    """The probability of no answer in one window, and spans of the context with their scores."""

    null: float
    spans: list[tuple[float, int, int]]


class QuestionAnswering(
    TaskPipeline[QuestionAnsweringExample, QuestionAnsweringParameters, _Window, Answer | list[Answer]]
):
    """The spans of a context that answer a question."""

    arguments = ("question", "context", "data", "X")
    parameters = QuestionAnsweringParameters

    def resolve_parameters(self, parameters: QuestionAnsweringParameters) -> QuestionAnsweringParameters:
        """Let a call's ``topk`` replace the pipeline's ``top_k``."""
        if parameters.topk is not None and parameters.given & {"top_k", "topk"} == {"topk"}:
            object.__setattr__(parameters, "top_k", parameters.topk)
        return parameters

    def parse_call(self, parameters: QuestionAnsweringParameters, *args: object, **arguments: object) -> Examples:
        """The examples of a call: keywords, a dict, a list of dicts, two strings, or an iterator.

        Raises:
            InputError: the arguments have none of these forms, or lists have different lengths.
        """
        items: object
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
            items, arguments = _zip_questions_and_contexts(arguments), {}
        if arguments:
            raise InputError(f"examples were given together with {', '.join(arguments)}: pass one or the other")
        examples = as_examples(items)
        if isinstance(examples, Iterator):
            return examples
        # As in the reference, the result for a list of one example is not a list.
        examples = [items] if examples is None else examples
        return {"data": examples[0]} if len(examples) == 1 else examples

    def parse_example(self, item: object) -> QuestionAnsweringExample:
        """Check a dict with ``question`` and ``context``, or a SquadExample of transformers.

        Raises:
            MissingKeyError: one of them is missing.
            InputError: one of them is None or empty.
            InputTypeError: the item, or one of them, is of another type.
        """
        if isinstance(item, Mapping) and item.keys() in ({"data"}, {"X"}):
            (item,) = item.values()
        if isinstance(item, QuestionAnsweringExample):
            item = {"question": item.question, "context": item.context}
        if hasattr(item, "question_text") and hasattr(item, "context_text"):
            item = {"question": item.question_text, "context": item.context_text}
        if not isinstance(item, Mapping):
            raise InputTypeError(_FORMS)
        for name in ("question", "context"):
            if name not in item:
                raise MissingKeyError(f"`{name}` is missing: an example needs the keys question and context")
            if item[name] is None:
                raise InputError(f"`{name}` cannot be None")
            if not check_string(name, item[name]):
                raise InputError(f"`{name}` cannot be empty")
        return QuestionAnsweringExample(*(check_string(name, item[name]) for name in ("question", "context")))

    def preprocess(self, example: QuestionAnsweringExample, parameters: QuestionAnsweringParameters) -> list[Encoding]:
        """Encode the question with each window over the context.

        Raises:
            InputError: the requested lengths do not fit the model or each other.
        """
        longest = parameters.max_seq_len or min(self.max_length, 384)
        if longest > self.max_length:
            raise InputError(f"`max_seq_len` ({longest}) is more than the model's maximum of {self.max_length} tokens")
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
            default = min(longest // 2, 128)
            stride = default if default < room else room // 2
        if self.tokenizer.padding_side == "left":  # as in the reference, the context then comes first
            windows = self.tokenizer.windows(context, longest, stride, after=question)
        else:
            windows = self.tokenizer.windows(context, longest, stride, before=question)
        if parameters.padding in (False, "do_not_pad"):
            return windows
        width = longest if parameters.padding == "max_length" else max(len(window) for window in windows)
        return [replace(window, padded_length=width) for window in windows]

    def postprocess_row(
        self,
        example: QuestionAnsweringExample,
        parameters: QuestionAnsweringParameters,
        row: Encoding,
        outputs: Outputs,
    ) -> _Window:
        """The best spans of one window."""
        # Several candidates can become the same answer when they are aligned to words.
        candidates = parameters.count * 2 + 10 if parameters.align_to_words else parameters.count
        left = self.tokenizer.padding_side == "left"
        # If the context comes first, the reference allows answers everywhere.
        allowed = np.full(len(row), True) if left else row.sequences == 1
        allowed[0] = True  # the position of [CLS] means "no answer"
        start, end = (softmax(outputs[name][: len(row)], allowed) for name in ("start_logits", "end_logits"))
        null = float(start[0] * end[0])
        start[0] = end[0] = 0
        spans = [
            (score, *_characters(row, first, last, parameters.align_to_words, 0 if left else 1))
            for first, last, score in _best_spans(start, end, candidates, parameters.max_answer_len)
        ]
        return _Window(null, spans)

    def postprocess(
        self, example: QuestionAnsweringExample, parameters: QuestionAnsweringParameters, parts: list[_Window]
    ) -> Answer | list[Answer]:
        """The best answers over all windows; a single answer is not a list."""
        answers: dict[str, Answer] = {}
        for score, start, end in (span for window in parts for span in window.spans):
            text = example.context[start:end]
            if known := answers.get(text.lower()):
                known["score"] += score
            else:
                answers[text.lower()] = Answer(score=score, start=start, end=end, answer=text)
        ranked = list(answers.values())
        if parameters.handle_impossible_answer or not ranked:
            null = min(window.null for window in parts) if parameters.handle_impossible_answer else 0.0
            ranked.append(Answer(score=null, start=0, end=0, answer=""))
        ranked.sort(key=lambda answer: -answer["score"])
        best = ranked[: parameters.count]
        return best[0] if len(best) == 1 else best

    def describe(self, call: Mapping[str, object], result: Answer | list[Answer]) -> str:
        """A line for each answer, and below it the answer in its context."""
        context = call["context"]
        assert isinstance(context, str)
        answers = result if isinstance(result, list) else [result]
        return "\n".join(_describe_answer(context, answer) for answer in answers)


PIPELINE = QuestionAnswering

_SHOWN_CONTEXT = 60
"""Characters of context that are shown on each side of an answer."""

_FORMS = "pass question=... and context=..., or a dict with these keys, or a list or an iterator of such dicts"


def _zip_questions_and_contexts(arguments: Mapping[str, object]) -> list[object]:
    for name in ("question", "context"):
        if name not in arguments:
            raise MissingKeyError(f"`{name}` is missing: {_FORMS}")
    questions, contexts = as_list(arguments["question"]), as_list(arguments["context"])
    if questions is None:
        if contexts is not None:
            raise InputTypeError(
                "one `question` for a list of `context` is ambiguous: pass as many questions as contexts"
            )
        return [arguments]
    if contexts is None:
        contexts = [arguments["context"]] * len(questions)
    if len(questions) != len(contexts):
        raise InputError(
            f"there are {len(questions)} questions but {len(contexts)} contexts: pass as many of one as of the other"
        )
    pairs = zip(questions, contexts, strict=True)
    return [{"question": question, "context": context} for question, context in pairs]


def _describe_answer(context: str, answer: Answer) -> str:
    if not answer["answer"]:
        return scored_line("(no answer)", answer["score"])
    start, end = answer["start"], answer["end"]
    before, after = context[max(0, start - _SHOWN_CONTEXT) : start], context[end : end + _SHOWN_CONTEXT]
    left, right = "..." if start > _SHOWN_CONTEXT else "", "..." if end + _SHOWN_CONTEXT < len(context) else ""
    shown = f"{left}{before}[{context[start:end]}]{after}{right}"
    line = scored_line(answer["answer"], answer["score"])
    return f"{line}, characters {start} to {end}\n  {' '.join(shown.split())}"


def _best_spans(start: FloatArray, end: FloatArray, count: int, longest: int) -> Iterator[tuple[int, int, float]]:
    """First token, last token and score of the ``count`` best spans, best first, without impossible spans."""
    length = len(start)
    # scores[s, d] is the score of the span from s to s + d; longer spans are never computed.
    widths = min(longest, length)
    ends = np.lib.stride_tricks.sliding_window_view(np.append(end, np.zeros(widths - 1)), widths)
    scores = (start[:, None] * ends).ravel()
    best = np.argpartition(-scores, count - 1)[:count] if count < len(scores) else np.arange(len(scores))
    for index in sorted(best, key=lambda index: (-scores[index], index)):
        if scores[index] > 0:
            first, width = divmod(int(index), widths)
            yield first, first + width, float(scores[index])


def _characters(row: Encoding, first: int, last: int, align_to_words: bool, context: int) -> tuple[int, int]:
    """Start and end of the tokens ``first`` to ``last`` in the context, extended to whole words if requested."""
    if align_to_words:
        starts, ends = (
            np.flatnonzero((row.sequences == context) & (row.words == row.words[place])) for place in (first, last)
        )
        if len(starts) and len(ends):
            first, last = int(starts[0]), int(ends[-1])
    return int(row.offsets[first, 0]), int(row.offsets[last, 1])
