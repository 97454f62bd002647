"""Words for masked places (reference: transformers 4.57 ``pipelines/fill_mask.py``).

One difference on purpose: a text that is longer than the model is refused, where the reference crashes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypedDict

import numpy as np

from convbert_onnx.errors import InputError
from convbert_onnx.runtime.model import Outputs
from convbert_onnx.runtime.parameters import (
    DEFAULT_TOKENIZATION,
    CallParameters,
    Positive,
    TokenizerParameters,
    warn_caller,
)
from convbert_onnx.runtime.pipelines.base import Examples, TaskPipeline
from convbert_onnx.runtime.pipelines.scored_lines import scored_lines
from convbert_onnx.runtime.pipelines.scores import FloatArray, softmax
from convbert_onnx.runtime.tokenization.encoding import Encoding, IntArray

__all__ = ["PIPELINE", "FillMask", "FillMaskParameters", "FilledMask", "FilledMasks"]


class FilledMask(TypedDict):
    """A word for a masked place: its probability, its number, itself, and the text with it."""

    score: float
    token: int
    token_str: str
    sequence: str


@dataclass(frozen=True)
class FillMaskParameters(CallParameters):
    """What a caller can set.

    Attributes:
        top_k: how many words for each place.
        targets: words to choose from, by default the whole vocabulary. One that the vocabulary lacks counts as its
            first token, with a warning.
        tokenizer_kwargs: how the row of a text is made.
        target_ids: ids of ``targets``.
    """

    top_k: Positive = 5
    targets: tuple[str, ...] | None = None
    tokenizer_kwargs: TokenizerParameters = DEFAULT_TOKENIZATION
    target_ids: IntArray | None = field(default=None, init=False)


FilledMasks = list[FilledMask] | list[list[FilledMask]]
"""The words for the mask of a text, or for each of its masks."""


class FillMask(TaskPipeline[str, FillMaskParameters, list[list[FilledMask]], FilledMasks]):
    """Finds words that fit where a text has a mask."""

    parameters = FillMaskParameters

    def resolve_parameters(self, parameters: FillMaskParameters) -> FillMaskParameters:
        """Look the targets up.

        Raises:
            InputError: none of them is a word.
        """
        if parameters.targets is not None:
            object.__setattr__(parameters, "target_ids", self._target_ids(parameters.targets))
        return parameters

    def parse_call(self, parameters: FillMaskParameters, *args: object, **arguments: object) -> Examples:
        """As for all tasks; a list of one text counts as that text."""
        found = super().parse_call(parameters, *args, **arguments)
        return {"inputs": found[0]} if isinstance(found, list) and len(found) == 1 else found

    def parse_example(self, item: object) -> str:
        """A text.

        Raises:
            InputTypeError: it is not a string.
        """
        return self.parse_text(item)

    def preprocess(self, example: str, parameters: FillMaskParameters) -> list[Encoding]:
        """The one row of a text.

        Raises:
            InputError: it has no mask, or it is longer than the model reads and must not be cut.
        """
        if self.tokenizer.mask_token_id is None:
            raise InputError("the tokenizer has no mask token: export the model with the tokenizer it was trained with")
        row = self.encode_row(example, None, parameters.tokenizer_kwargs)
        if self.tokenizer.mask_token_id not in row.ids:
            raise InputError(
                f"No mask_token ({self.tokenizer.mask_token}) found on the input: put it where a word is wanted"
            )
        return [row]

    def postprocess_row(
        self, example: str, parameters: FillMaskParameters, row: Encoding, outputs: Outputs
    ) -> list[list[FilledMask]]:
        """The best words for each mask, best first."""
        places = np.flatnonzero(row.ids == self.tokenizer.mask_token_id)
        found = []
        for place in places:
            scores = softmax(outputs["logits"][place])
            candidates = np.arange(len(scores)) if parameters.target_ids is None else parameters.target_ids
            found.append(
                [
                    self._filled(row, int(place), int(token), scores, keep_special=len(places) > 1)
                    for token in _best(candidates, scores, parameters.top_k)
                ]
            )
        return found

    def postprocess(
        self, example: str, parameters: FillMaskParameters, parts: list[list[list[FilledMask]]]
    ) -> FilledMasks:
        """The words for each mask; those of a single mask are not put into a list of lists."""
        (masks,) = parts
        return masks[0] if len(masks) == 1 else masks

    def describe(self, call: Mapping[str, object], result: FilledMasks) -> str:
        """A line for each word, with the text that it makes."""
        return scored_lines(result, "token_str", "sequence")

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

    def _target_ids(self, targets: Sequence[str]) -> IntArray:
        ids = set()
        for target in targets:
            number = self.tokenizer.token_id(target)
            if number is None:
                tokens = self.tokenizer.encode_text(target).ids[:1]
                named = self.tokenizer.convert_ids_to_tokens(tokens)
                instead = f"{named[0]!r} is taken" if named else "it is left out"
                warn_caller(f"the vocabulary has no word {target!r}: {instead}", UserWarning)
                ids.update(tokens.tolist())
            else:
                ids.add(number)
        if not ids:
            raise InputError("At least one target must be provided when passed: none of the targets is a word")
        return np.array(sorted(ids), np.int64)


PIPELINE = FillMask


def _best(candidates: IntArray, scores: FloatArray, count: int) -> IntArray:
    """The ``count`` best candidates, best first."""
    own = -scores[candidates]
    if count < len(own):
        kept = np.argpartition(own, count - 1)[:count]
        candidates, own = candidates[kept], own[kept]
    return candidates[np.argsort(own, kind="stable")]
