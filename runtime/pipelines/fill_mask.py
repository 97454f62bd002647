"""Words for masked positions (reference: transformers 4.57 ``pipelines/fill_mask.py``).

One deliberate difference: a text that is longer than the model's maximum length is refused; the reference crashes.
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
from convbert_onnx.runtime.tokenization.base import TokenizerBase
from convbert_onnx.runtime.tokenization.encoding import Encoding, IntArray

__all__ = ["PIPELINE", "FillMask", "FillMaskParameters", "FilledMask", "FilledMasks", "require_mask_token_id"]


class FilledMask(TypedDict):
    """A word for a masked position: its probability, its token id, the word, and the text with the word."""

    score: float
    token: int
    token_str: str
    sequence: str


@dataclass(frozen=True)
class FillMaskParameters(CallParameters):
    """Parameters of fill-mask.

    Attributes:
        top_k: number of words for each mask.
        targets: words to choose from, by default the whole vocabulary. A word outside the vocabulary is replaced by its
            first token, with a warning.
        tokenizer_kwargs: how a text is encoded.
        target_ids: token ids of ``targets``.
    """

    top_k: Positive = 5
    targets: tuple[str, ...] | None = None
    tokenizer_kwargs: TokenizerParameters = DEFAULT_TOKENIZATION
    target_ids: IntArray | None = field(default=None, init=False)


FilledMasks = list[FilledMask] | list[list[FilledMask]]
"""The words for the only mask of a text, or for each of its masks."""


class FillMask(TaskPipeline[str, FillMaskParameters, list[list[FilledMask]], FilledMasks]):
    """The most probable words for the masks in a text."""

    parameters = FillMaskParameters

    def resolve_parameters(self, parameters: FillMaskParameters) -> FillMaskParameters:
        """Look up the targets in the vocabulary.

        Raises:
            InputError: none of them has a token.
        """
        if parameters.targets is not None:
            object.__setattr__(parameters, "target_ids", self._target_ids(parameters.targets))
        return parameters

    def parse_call(self, parameters: FillMaskParameters, *args: object, **arguments: object) -> Examples:
        """The texts of a call; a list of one text counts as that text, as in the reference."""
        examples = super().parse_call(parameters, *args, **arguments)
        return {"inputs": examples[0]} if isinstance(examples, list) and len(examples) == 1 else examples

    def parse_example(self, item: object) -> str:
        """Check a text.

        Raises:
            InputTypeError: it is not a string.
        """
        return self.parse_text(item)

    def preprocess(self, example: str, parameters: FillMaskParameters) -> list[Encoding]:
        """Encode a text as one row.

        Raises:
            InputError: it has no mask, or it is longer than the model's maximum length and must not be cut.
        """
        mask_id = require_mask_token_id(self.tokenizer)
        row = self.encode_row(example, None, parameters.tokenizer_kwargs)
        if mask_id not in row.ids:
            raise InputError(
                f"No mask_token ({self.tokenizer.mask_token}) found on the input: put it where a word is missing"
            )
        return [row]

    def postprocess_row(
        self, example: str, parameters: FillMaskParameters, row: Encoding, outputs: Outputs
    ) -> list[list[FilledMask]]:
        """The most probable words for each mask, best first."""
        positions = np.flatnonzero(row.ids == self.tokenizer.mask_token_id)
        masks = []
        for position in positions:
            scores = softmax(outputs["logits"][position])
            candidates = np.arange(len(scores)) if parameters.target_ids is None else parameters.target_ids
            masks.append(
                [
                    self._filled(row, int(position), int(token), scores, keep_special=len(positions) > 1)
                    for token in _best(candidates, scores, parameters.top_k)
                ]
            )
        return masks

    def postprocess(
        self, example: str, parameters: FillMaskParameters, parts: list[list[list[FilledMask]]]
    ) -> FilledMasks:
        """The words for each mask; for a single mask without an outer list."""
        (masks,) = parts
        return masks[0] if len(masks) == 1 else masks

    def describe(self, call: Mapping[str, object], result: FilledMasks) -> str:
        """A line for each word, with the filled text."""
        return scored_lines(result, "token_str", "sequence")

    def _filled(self, row: Encoding, position: int, token: int, scores: FloatArray, keep_special: bool) -> FilledMask:
        ids = row.ids.copy()
        ids[position] = token
        ids = ids[ids != self.tokenizer.pad_token_id]
        return FilledMask(
            score=float(scores[token]),
            token=token,
            token_str=self.tokenizer.decode([token]),
            # With several masks, the others stay visible.
            sequence=self.tokenizer.decode(ids, skip_special_tokens=not keep_special),
        )

    def _target_ids(self, targets: Sequence[str]) -> IntArray:
        ids = set()
        for target in targets:
            number = self.tokenizer.token_id(target)
            if number is None:
                tokens = self.tokenizer.encode_text(target).ids[:1]
                names = self.tokenizer.convert_ids_to_tokens(tokens)
                instead = f"{names[0]!r} is used instead" if names else "it is left out"
                warn_caller(f"the vocabulary has no word {target!r}: {instead}", UserWarning)
                ids.update(tokens.tolist())
            else:
                ids.add(number)
        if not ids:
            raise InputError("At least one target must be provided when passed: none of the targets has a token")
        return np.array(sorted(ids), np.int64)


PIPELINE = FillMask


def require_mask_token_id(tokenizer: TokenizerBase) -> int:
    """The id of the mask token.

    Raises:
        InputError: the tokenizer has none.
    """
    if tokenizer.mask_token_id is None:
        raise InputError("the tokenizer has no mask token: export the model with the tokenizer it was trained with")
    return tokenizer.mask_token_id


def _best(candidates: IntArray, scores: FloatArray, count: int) -> IntArray:
    """The ``count`` best candidates, best first."""
    order = -scores[candidates]
    if count < len(order):
        kept = np.argpartition(order, count - 1)[:count]
        candidates, order = candidates[kept], order[kept]
    return candidates[np.argsort(order, kind="stable")]
