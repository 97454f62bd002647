"""What a model predicts for labelled examples, in a form that can be compared with labels and with other models."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from convbert_onnx.errors import InputError
from convbert_onnx.runtime.evaluation.datasets import LabelledExample
from convbert_onnx.runtime.pipeline import ConvBertOnnxPipeline
from convbert_onnx.runtime.pipelines.token_classification import Entity
from convbert_onnx.runtime.tokenization.encoding import Encoding, Tokens

__all__ = ["mask_pieces", "predict"]

_CHUNK = 64
"""Examples that share batches."""

_CHUNK_OF_MASKS = 8
"""... where every token has a score for each word of the vocabulary, which takes memory."""


def mask_pieces(
    pipe: ConvBertOnnxPipeline, examples: Sequence[LabelledExample], seed: int = 0
) -> list[LabelledExample]:
    """Texts with one word piece each to be masked, and expected.

    The same texts and seed give the same pieces for all models with one tokenizer. Of a text that is longer than the
    model only the beginning counts, and unknown words are never chosen.

    Args:
        pipe: a pipeline for fill-mask.
        examples: whose calls give a text as ``inputs``.
        seed: of the random numbers.

    Returns:
        The examples with ``position``, the piece's place in the text, in their calls, and the piece as ``expected``.

    Raises:
        InputError: a text has no word piece, or the tokenizer no mask.
    """
    if pipe.tokenizer.mask_token_id is None:
        raise InputError("the tokenizer has no mask token: export the model with the tokenizer it was trained with")
    random = np.random.default_rng(seed)
    masked = []
    for example in examples:
        ids = _beginning(pipe, example.call["inputs"]).ids
        places = np.flatnonzero(~np.isin(ids, pipe.tokenizer.all_special_ids))
        if not len(places):
            raise InputError(f"{example.place}: there is no word piece to mask; take the text out")
        position = int(random.choice(places))
        piece = pipe.tokenizer.convert_ids_to_tokens([ids[position]])[0]
        masked.append(replace(example, call={**example.call, "position": position}, expected=piece))
    return masked


def predict(
    pipe: ConvBertOnnxPipeline,
    examples: Sequence[LabelledExample],
    batch_size: int | None = None,
    progress: Callable[[str, int, int], None] = lambda step, done, total: None,
) -> list[Any]:
    """What the model gives for each example, without scores: equal where two models agree.

    Args:
        pipe: a pipeline for the examples' task.
        examples: from a reader; for fill-mask from :func:`mask_pieces`.
        batch_size: most rows in a batch; by default a batch is limited by its tokens.
        progress: told what comes, how many examples are done, and how many there are.

    Returns:
        For each example the text of an answer (empty for none), the tags of the words, a label, the number of a choice,
        or a word piece.

    Raises:
        InputError: the pipeline refuses an example; the message says which.
        RunError: the engine failed.
    """
    found: list[Hashable] = []
    size = _CHUNK_OF_MASKS if pipe.task == "fill-mask" else _CHUNK
    for start in range(0, len(examples), size):
        progress("evaluating", start, len(examples))
        chunk = examples[start : start + size]
        found += _fill(pipe, chunk, batch_size) if pipe.task == "fill-mask" else _answer(pipe, chunk, batch_size)
    progress("evaluating", len(examples), len(examples))
    return found


def _answer(pipe: ConvBertOnnxPipeline, examples: Sequence[LabelledExample], batch_size: int | None) -> list[Hashable]:
    extra = {"ignore_labels": [], "aggregation_strategy": "none"} if pipe.task == "token-classification" else {}
    results = pipe.run_many([{**example.call, **extra} for example in examples], batch_size)
    found = []
    for example, result in zip(examples, results, strict=True):
        if isinstance(result, InputError):
            raise InputError(f"{example.place}: {result}") from result
        if isinstance(result, Exception):
            raise result
        found.append(_DECODE[pipe.task](example, result))
    return found


def _fill(pipe: ConvBertOnnxPipeline, examples: Sequence[LabelledExample], batch_size: int | None) -> list[Hashable]:
    # As tokens and not as text, because a text cannot say that a mask stands for the middle of a word.
    rows: list[Encoding] = []
    assert pipe.tokenizer.mask_token_id is not None
    for example in examples:
        tokens = _beginning(pipe, example.call["inputs"])
        ids = tokens.ids.copy()
        ids[example.call["position"]] = pipe.tokenizer.mask_token_id
        rows.append(pipe.tokenizer.single(replace(tokens, ids=ids)))
    best = []
    for example, row, output in zip(examples, rows, pipe.raw_outputs(rows, batch_size), strict=True):
        place = np.flatnonzero(row.sequences == 0)[example.call["position"]]
        best.append(int(output["logits"][place].argmax()))
    return list(pipe.tokenizer.convert_ids_to_tokens(best))


def _beginning(pipe: ConvBertOnnxPipeline, text: str) -> Tokens:
    return pipe.tokenizer.encode_text(text)[: pipe.max_length - pipe.tokenizer.num_special_tokens()]


def _tags(example: LabelledExample, tokens: Sequence[Entity]) -> tuple[str, ...]:
    """The label of each word's first token; O for words without tokens or behind the model's longest row."""
    words = example.call["inputs"]
    # The pipeline's offsets are those of the words with a blank between.
    starts = np.cumsum([0, *(len(word) + 1 for word in words[:-1])])
    tags: dict[int, str] = {}
    for token in tokens:
        word = int(np.searchsorted(starts, token["start"], side="right")) - 1
        tags.setdefault(word, token["entity"])
    return tuple(tags.get(word, "O") for word in range(len(words)))


_DECODE: dict[str, Callable[[LabelledExample, Any], Hashable]] = {
    "question-answering": lambda example, result: result["answer"],
    "token-classification": _tags,
    "text-classification": lambda example, result: result["label"],
    "multiple-choice": lambda example, result: result["label"],
}
