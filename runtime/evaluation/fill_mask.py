"""Fill-mask on plain texts with one masked word piece each, with accuracy.

Texts are the lines of a file, or ``text`` in JSON Lines (.jsonl). Expected and predicted are word pieces.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import InputError
from convbert_onnx.runtime.evaluation.base import Call, LabelledEvaluation, LabelledExample
from convbert_onnx.runtime.evaluation.datasets import plain_texts
from convbert_onnx.runtime.evaluation.metrics import Score, accuracy_score
from convbert_onnx.runtime.evaluation.sample_text import SENTENCES
from convbert_onnx.runtime.pipeline import ConvBertOnnxPipeline
from convbert_onnx.runtime.pipelines.fill_mask import require_mask_token_id
from convbert_onnx.runtime.tokenization.encoding import Encoding, Tokens

__all__ = ["EVALUATION", "FillMaskEvaluation", "mask_pieces"]


class FillMaskEvaluation(LabelledEvaluation[str, str]):
    """Accuracy of word pieces."""

    chunk_size = 8  # smaller, because logits cover the whole vocabulary

    def read(self, path: Path, text: str, config: ConvBertConfig) -> Iterator[LabelledExample]:
        """The texts of a file, without labels; :meth:`prepare` chooses the masked word pieces."""
        for place, line in plain_texts(path, text):
            yield LabelledExample(place, {"inputs": line}, None)

    def prepare(self, pipe: ConvBertOnnxPipeline, examples: Sequence[LabelledExample]) -> list[LabelledExample]:
        """Choose a word piece of each text to be masked, see :func:`mask_pieces`."""
        return mask_pieces(pipe, examples)

    def predict(
        self, pipe: ConvBertOnnxPipeline, examples: Sequence[LabelledExample], batch_size: int | None
    ) -> list[str]:
        """The word piece for each mask."""
        # As tokens rather than text, because a text cannot contain a mask in the middle of a word.
        rows: list[Encoding] = []
        mask_id = require_mask_token_id(pipe.tokenizer)
        for example in examples:
            tokens = _beginning(pipe, example.call["inputs"])
            ids = tokens.ids.copy()
            ids[example.call["position"]] = mask_id
            rows.append(pipe.tokenizer.model_row(replace(tokens, ids=ids)))
        best = []
        for example, row, output in zip(examples, rows, pipe.raw_outputs(rows, batch_size), strict=True):
            place = np.flatnonzero(row.sequences == 0)[example.call["position"]]
            best.append(int(output["logits"][place].argmax()))
        return list(pipe.tokenizer.convert_ids_to_tokens(best))

    def score(self, expected: Sequence[str], predicted: Sequence[str]) -> Score:
        """Accuracy."""
        return accuracy_score(expected, predicted)

    def sample_calls(self, pipe: ConvBertOnnxPipeline) -> list[Call]:
        """The sample sentences, each after a mask."""
        return [self.text_call(pipe, sentence) for sentence in SENTENCES]

    def sample_examples(self, pipe: ConvBertOnnxPipeline) -> list[LabelledExample]:
        """The sample sentences that have a known word piece, with one word piece masked."""
        examples = [
            LabelledExample(f"sample {number}", {"inputs": sentence}, None)
            for number, sentence in enumerate(SENTENCES, start=1)
        ]
        require_mask_token_id(pipe.tokenizer)
        with suppress(InputError):
            return mask_pieces(pipe, examples)
        masked = []
        for example in examples:
            with suppress(InputError):
                masked += mask_pieces(pipe, [example])
        # A vocabulary for another script may have no word of the sample; then unknown words are masked.
        return masked or [replace(example, call={**example.call, "position": 0}) for example in examples]

    def text_call(self, pipe: ConvBertOnnxPipeline, text: str) -> Call:
        """A call with the text after a mask, which the pipeline needs."""
        return {"inputs": f"{pipe.tokenizer.mask_token} {text}"}

    def truncated(self, pipe: ConvBertOnnxPipeline, call: Call) -> Call:
        """The call with truncation for the tokenizer."""
        return {"tokenizer_kwargs": {"truncation": True}, **call}


EVALUATION = FillMaskEvaluation()


def mask_pieces(
    pipe: ConvBertOnnxPipeline, examples: Sequence[LabelledExample], seed: int = 0
) -> list[LabelledExample]:
    """Choose a word piece of each text to be masked.

    The same texts and seed give the same pieces for all models with the same tokenizer. Only the beginning of a text
    counts if it is longer than the model's maximum length, and unknown words are never chosen.

    Args:
        pipe: a pipeline for fill-mask.
        examples: examples with a text as ``inputs`` in their calls.
        seed: seed of the random numbers.

    Returns:
        The examples with the piece as ``expected``, and its index among the text's tokens as ``position`` in their
        calls.

    Raises:
        InputError: a text has no known word piece, or the tokenizer has no mask token.
    """
    require_mask_token_id(pipe.tokenizer)
    random = np.random.default_rng(seed)
    masked = []
    for example in examples:
        ids = _beginning(pipe, example.call["inputs"]).ids
        places = np.flatnonzero(~np.isin(ids, pipe.tokenizer.all_special_ids))
        if not len(places):
            raise InputError(f"{example.place}: there is no word piece to mask; remove the text")
        position = int(random.choice(places))
        piece = pipe.tokenizer.convert_ids_to_tokens([ids[position]])[0]
        masked.append(replace(example, call={**example.call, "position": position}, expected=piece))
    return masked


def _beginning(pipe: ConvBertOnnxPipeline, text: str) -> Tokens:
    return pipe.tokenizer.encode_text(text)[: pipe.max_length - pipe.tokenizer.num_special_tokens()]
