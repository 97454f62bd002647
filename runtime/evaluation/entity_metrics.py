"""Precision, recall and F1 of entities, as in seqeval's default mode (https://github.com/chakki-works/seqeval).

seqeval follows the script of the CoNLL-2000 task: tags are read leniently, so that IOB1, IOB2 (BIO), IOE and IOBES need
not be distinguished.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from convbert_onnx.runtime.evaluation.metrics import f1

__all__ = ["entities", "entity_counts", "entity_scores", "entity_type"]

Entity = tuple[str, int, int]
"""The type, the first word and the last word of an entity."""


def entity_type(tag: str) -> str | None:
    """The type in a tag, "_" for a tag without a type, and None for other tags than B, I, E, S and O.

    Examples: B-PER -> PER, I -> _, O -> _, NOUN -> None
    """
    prefix, _, name = tag.partition("-")
    if prefix not in ("B", "I", "E", "S") and tag != "O":
        return None
    return name or "_"


def entities(tags: Sequence[str]) -> list[Entity]:
    """The entities of a sentence.

    An entity continues as long as words have its type, unless a tag B or S begins another one, or E or S has ended it.
    An I or E after O begins an entity too.

    Example: ["I-PER", "I-PER", "O", "B-LOC", "B-LOC"] -> [("PER", 0, 1), ("LOC", 3, 3), ("LOC", 4, 4)]

    Args:
        tags: [words]; O, or one of B, I, E and S with a type after a hyphen.
    """
    spans: list[Entity] = []
    before, kind_before = "O", ""
    for word, tag in enumerate(tags):
        kind = entity_type(tag)
        if tag != "O" and kind is not None:
            if before[:1] in "OES" or tag[0] in "BS" or kind != kind_before:
                spans.append((kind, word, word))
            else:
                spans[-1] = (kind, spans[-1][1], word)
        before, kind_before = tag, kind or ""
    return spans


def entity_counts(expected: Iterable[Sequence[str]], predicted: Iterable[Sequence[str]]) -> NDArray[np.float64]:
    """[sentences, 3]: the numbers of entities with correct type and extent, of predicted and of expected entities.

    Args:
        expected: the tags of each sentence.
        predicted: the predicted tags of each sentence, of the same length.
    """
    rows = []
    for expected_tags, predicted_tags in zip(expected, predicted, strict=True):
        true, guessed = set(entities(expected_tags)), set(entities(predicted_tags))
        rows.append((len(true & guessed), len(guessed), len(true)))
    return np.array(rows, np.float64).reshape(-1, 3)


def entity_scores(sums: NDArray[np.float64]) -> dict[str, float]:
    """``f1``, ``precision`` and ``recall`` over all entities; 0 instead of a division by zero.

    Args:
        sums: [3], the sums of :func:`entity_counts`.
    """
    correct, predicted, expected = (float(value) for value in sums)
    return {
        "f1": f1(correct, predicted, expected),
        "precision": correct / predicted if predicted else 0.0,
        "recall": correct / expected if expected else 0.0,
    }
