"""The best of several continuations. The reference has a model for this, and no pipeline."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypedDict

import numpy as np

from convbert_onnx.errors import InputError, InputTypeError, MissingKeyError
from convbert_onnx.runtime.encoding import Encoding
from convbert_onnx.runtime.model import Outputs
from convbert_onnx.runtime.scores import softmax
from convbert_onnx.runtime.task_pipeline import Examples, TaskPipeline

__all__ = ["Choice", "MultipleChoice", "MultipleChoiceExample", "MultipleChoiceParameters"]


class Choice(TypedDict):
    """The text that fits best, its number, its probability, and the probabilities of all texts in their order."""

    choice: str
    label: int
    score: float
    scores: list[float]


@dataclass(frozen=True)
class MultipleChoiceExample:
    """A prompt and the texts that may follow it."""

    prompt: str
    choices: tuple[str, ...]


@dataclass(frozen=True)
class MultipleChoiceParameters:
    """What a caller can set.

    Attributes:
        truncation: False, True or "longest_first", "only_first" (the prompt), "only_second" (the choice).
        max_length: length that ``truncation`` cuts to; by default the model's.
    """

    truncation: bool | str = False
    max_length: int | None = None


class MultipleChoice(TaskPipeline[MultipleChoiceExample, MultipleChoiceParameters]):
    """Finds the choice that fits a prompt best."""

    arguments = ("prompt", "choices", "data")
    second_argument = "choices"
    parameters = MultipleChoiceParameters

    def examples(self, parameters: MultipleChoiceParameters, *args: Any, **arguments: Any) -> Examples:
        """``prompt`` with ``choices``, or lists of as many of each; a dict, a list of them, or an iterator.

        Raises:
            InputError: the arguments fit no form, or the lists have different lengths.
        """
        items = args[0] if args and not arguments else arguments.pop("data", None)
        if items is not None:
            if arguments:
                raise InputError(
                    f"examples were given, so {', '.join(arguments)} has no place: use one form or the other"
                )
            return items if isinstance(items, Mapping | Iterator) else list(items)
        if args:
            arguments["prompt"] = args[0]
        prompts, choices = arguments.get("prompt"), arguments.get("choices")
        if not isinstance(prompts, list):
            return arguments
        if not isinstance(choices, list) or len(choices) != len(prompts):
            raise InputError(f"there are {len(prompts)} prompts: give as many lists of choices")
        return [{"prompt": prompt, "choices": own} for prompt, own in zip(prompts, choices, strict=True)]

    def example(self, item: Any) -> MultipleChoiceExample:
        """An example from a dict with ``prompt`` and ``choices``.

        Raises:
            MissingKeyError: one of them is missing.
            InputTypeError: the item, or one of them, is of another type.
            InputError: there are no choices.
        """
        if not isinstance(item, Mapping):
            raise InputTypeError("give prompt= and choices=, or a dict with these keys, or a list of such dicts")
        for name in ("prompt", "choices"):
            if item.get(name) is None:
                raise MissingKeyError(f"`{name}` is missing: an example needs the keys prompt and choices")
        choices = item["choices"]
        if not isinstance(choices, list | tuple):
            raise InputTypeError(f"`choices` must be a list of strings, not {type(choices).__name__}")
        if not choices:
            raise InputError("`choices` cannot be empty")
        return MultipleChoiceExample(item["prompt"], tuple(choices))

    def encode(self, example: MultipleChoiceExample, parameters: MultipleChoiceParameters) -> list[Encoding]:
        """A row for each choice, all as long as the longest.

        Raises:
            InputError: a row is longer than the model reads and must not be cut.
        """
        rows = [
            self.row(example.prompt, choice, parameters.truncation, parameters.max_length) for choice in example.choices
        ]
        # A model that padding changes gets the padding that it was trained with.
        width = max(len(row) for row in rows)
        return [replace(row, padded_length=width) for row in rows]

    def decode(
        self,
        example: MultipleChoiceExample,
        parameters: MultipleChoiceParameters,
        rows: list[Encoding],
        outputs: list[Outputs],
    ) -> Choice:
        """The best choice."""
        scores = softmax(np.concatenate([output["logits"] for output in outputs]))
        best = int(scores.argmax())
        return Choice(choice=example.choices[best], label=best, score=float(scores[best]), scores=scores.tolist())
