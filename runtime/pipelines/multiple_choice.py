"""The best of several continuations of a prompt. The reference has a model for this task, but no pipeline."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from convbert_onnx.errors import InputError, InputTypeError, MissingKeyError
from convbert_onnx.runtime.model import Outputs
from convbert_onnx.runtime.parameters import CallParameters, TokenizerParameters, as_examples, as_list, check_string
from convbert_onnx.runtime.pipelines.base import Examples, TaskPipeline
from convbert_onnx.runtime.pipelines.scored_lines import scored_line
from convbert_onnx.runtime.pipelines.scores import softmax
from convbert_onnx.runtime.tokenization.encoding import Encoding

__all__ = ["PIPELINE", "Choice", "MultipleChoice", "MultipleChoiceExample", "MultipleChoiceParameters"]


class Choice(TypedDict):
    """The best choice, its index, its probability, and the probabilities of all choices in their order."""

    choice: str
    label: int
    score: float
    scores: list[float]


@dataclass(frozen=True)
class MultipleChoiceExample:
    """A prompt and its possible continuations."""

    prompt: str
    choices: tuple[str, ...]


@dataclass(frozen=True)
class MultipleChoiceParameters(TokenizerParameters, CallParameters):
    """Parameters of multiple choice: those of the tokenizer. A row is a pair of the prompt and a choice."""


class MultipleChoice(TaskPipeline[MultipleChoiceExample, MultipleChoiceParameters, NDArray[np.float32], Choice]):
    """The choice that fits a prompt best."""

    arguments = ("prompt", "choices", "data")
    second_argument = "choices"
    parameters = MultipleChoiceParameters

    def parse_call(self, parameters: MultipleChoiceParameters, *args: object, **arguments: object) -> Examples:
        """The examples of a call: ``prompt`` and ``choices``, or lists of these, a dict, a list or an iterator.

        Raises:
            InputError: the arguments fit no form, or the lists have different lengths.
        """
        items = args[0] if args and not arguments else arguments.pop("data", None)
        if items is not None:
            if arguments:
                raise InputError(f"examples were given together with {', '.join(arguments)}: pass one or the other")
            examples = as_examples(items)
            return {"data": items} if examples is None else examples
        if args:
            arguments["prompt"] = args[0]
        prompts = as_list(arguments.get("prompt"))
        if prompts is None:
            return arguments
        choices = as_list(arguments.get("choices"))
        if choices is None or len(choices) != len(prompts):
            raise InputError(f"`choices` must have a list for each of the {len(prompts)} prompts")
        return [{"prompt": prompt, "choices": own} for prompt, own in zip(prompts, choices, strict=True)]

    def parse_example(self, item: object) -> MultipleChoiceExample:
        """Check a dict with ``prompt`` and ``choices``.

        Raises:
            MissingKeyError: one of them is missing.
            InputTypeError: the item, or one of them, is of another type.
            InputError: there are no choices.
        """
        if isinstance(item, Mapping) and item.keys() == {"data"}:
            item = item["data"]
        if not isinstance(item, Mapping):
            raise InputTypeError("pass prompt=... and choices=..., or a dict with these keys, or a list of such dicts")
        for name in ("prompt", "choices"):
            if item.get(name) is None:
                raise MissingKeyError(f"`{name}` is missing: an example needs the keys prompt and choices")
        choices = as_list(item["choices"])
        if choices is None:
            raise InputTypeError(f"`choices` must be a list of strings, not {type(item['choices']).__name__}")
        if not choices:
            raise InputError("`choices` cannot be empty")
        return MultipleChoiceExample(
            check_string("prompt", item["prompt"]), tuple(check_string("choices", choice) for choice in choices)
        )

    def preprocess(self, example: MultipleChoiceExample, parameters: MultipleChoiceParameters) -> list[Encoding]:
        """Encode the prompt with each choice as a row, all as long as the longest.

        Raises:
            InputError: a row is longer than the model's maximum length and must not be cut.
        """
        prompt = self.tokenizer.encode_text(example.prompt)
        choices = [self.tokenizer.encode_text(choice) for choice in example.choices]
        rows = [self.encode_tokens((prompt, choice), parameters) for choice in choices]
        # A model whose results depend on padding gets the padding that it was trained with.
        width = max(max(len(row), row.padded_length) for row in rows)
        return [replace(row, padded_length=width) for row in rows]

    def postprocess_row(
        self, example: MultipleChoiceExample, parameters: MultipleChoiceParameters, row: Encoding, outputs: Outputs
    ) -> NDArray[np.float32]:
        """The logit of one choice."""
        return outputs["logits"].copy()

    def postprocess(
        self, example: MultipleChoiceExample, parameters: MultipleChoiceParameters, parts: list[NDArray[np.float32]]
    ) -> Choice:
        """The best choice."""
        scores = softmax(np.concatenate(parts))
        best = int(scores.argmax())
        return Choice(choice=example.choices[best], label=best, score=float(scores[best]), scores=scores.tolist())

    def describe(self, call: Mapping[str, object], result: Choice) -> str:
        """The best choice with its score and index."""
        line = scored_line(result["choice"], result["score"])
        return f"{line}, choice {result['label']} of {len(result['scores'])}"


PIPELINE = MultipleChoice
