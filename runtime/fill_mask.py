"""Words for masked places (reference: transformers 4.57 ``pipelines/fill_mask.py``).

One difference on purpose: a text that is longer than the model is refused with a sentence, where the reference crashes.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypedDict

import numpy as np

from convbert_onnx.errors import InputError
from convbert_onnx.runtime.encoding import Encoding
from convbert_onnx.runtime.model import Outputs
from convbert_onnx.runtime.parameters import whole_number
from convbert_onnx.runtime.scores import FloatArray, softmax
from convbert_onnx.runtime.task_pipeline import Examples, TaskPipeline

__all__ = ["FillMask", "FillMaskParameters", "FilledMask"]


class FilledMask(TypedDict):
    """A word for a masked place: its probability, its number, itself, and the text with it."""

    score: float
    token: int
    token_str: str
    sequence: str


@dataclass(frozen=True)
class FillMaskParameters:
    """What a caller can set.

    Attributes:
        top_k: how many words for each place.
        targets: words to choose from, by default the whole vocabulary. One that the vocabulary lacks counts as its
            first token, with a warning.
        tokenizer_kwargs: ``truncation`` and ``max_length``, for texts that may be cut.
    """

    top_k: int = 5
    targets: str | list[str] | None = None
    tokenizer_kwargs: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        whole_number("top_k", self.top_k, 1)
        if unknown := self.tokenizer_kwargs.keys() - {"truncation", "max_length"}:
            raise InputError(f"tokenizer_kwargs takes truncation and max_length, not {', '.join(sorted(unknown))}")


class FillMask(TaskPipeline[str, FillMaskParameters]):
    """Finds words that fit where a text has a mask."""

    parameters = FillMaskParameters

    def examples(self, parameters: FillMaskParameters, *args: Any, **arguments: Any) -> Examples:
        """As for all tasks; a list of one text counts as that text."""
        found = super().examples(parameters, *args, **arguments)
        return {"inputs": found[0]} if isinstance(found, list) and len(found) == 1 else found

    def example(self, item: Any) -> str:
        """A text.

        Raises:
            InputTypeError: it is no string.
        """
        return self.text(item)

    def encode(self, example: str, parameters: FillMaskParameters) -> list[Encoding]:
        """The one row of a text.

        Raises:
            InputError: it has no mask, or it is longer than the model reads and must not be cut.
        """
        if self.tokenizer.mask_token_id is None:
            raise InputError("the tokenizer has no mask token: export the model with the tokenizer it was trained with")
        options = parameters.tokenizer_kwargs
        row = self.row(example, None, options.get("truncation", False), options.get("max_length"))
        if self.tokenizer.mask_token_id not in row.ids:
            raise InputError(
                f"No mask_token ({self.tokenizer.mask_token}) found on the input: put it where a word is wanted"
            )
        return [row]

    def decode(
        self, example: str, parameters: FillMaskParameters, rows: list[Encoding], outputs: list[Outputs]
    ) -> list[FilledMask] | list[list[FilledMask]]:
        """The best words for each mask, best first; those of a single mask are not put into a list of lists."""
        ids = rows[0].ids
        places = np.flatnonzero(ids == self.tokenizer.mask_token_id)
        chosen = None if parameters.targets is None else self._target_ids(parameters.targets)
        found = []
        for place in places:
            scores = softmax(outputs[0]["logits"][place])
            candidates = np.arange(len(scores)) if chosen is None else chosen
            found.append(
                [
                    self._filled(rows[0], int(place), int(token), scores, keep_special=len(places) > 1)
                    for token in _best(candidates, scores, parameters.top_k)
                ]
            )
        return found[0] if len(found) == 1 else found

    def _filled(self, row: Encoding, place: int, token: int, scores: FloatArray, keep_special: bool) -> FilledMask:
        ids = row.ids.copy()
        ids[place] = token
        ids = ids[ids != self.tokenizer.pad_token_id]
        return FilledMask(
            score=float(scores[token]),
            token=token,
            token_str=self.tokenizer.decode([token]),
            # With several masks, the other ones stay visible.
            sequence=self.tokenizer.decode(ids, skip_special_tokens=not keep_special),
        )

    def _target_ids(self, targets: str | list[str]) -> np.ndarray[Any, np.dtype[np.int64]]:
        ids = []
        for target in [targets] if isinstance(targets, str) else targets:
            number = self.tokenizer.token_id(target)
            if number is None:
                tokens = self.tokenizer.encode_text(target).ids
                instead = (
                    f"{self.tokenizer.convert_ids_to_tokens(tokens[:1])[0]!r} is taken"
                    if len(tokens)
                    else "it is left out"
                )
                warnings.warn(f"the vocabulary has no word {target!r}: {instead}", UserWarning, stacklevel=2)
                number = int(tokens[0]) if len(tokens) else None
            if number is not None:
                ids.append(number)
        if not ids:
            raise InputError("At least one target must be provided when passed: none of them is a word")
        return np.array(sorted(set(ids)), np.int64)


def _best(
    candidates: np.ndarray[Any, np.dtype[np.int64]], scores: FloatArray, count: int
) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The ``count`` best candidates, best first."""
    own = -scores[candidates]
    if count < len(own):
        kept = np.argpartition(own, count - 1)[:count]
        candidates, own = candidates[kept], own[kept]
    return candidates[np.argsort(own, kind="stable")]
