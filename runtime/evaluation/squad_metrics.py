"""Exact match and F1 of answers.

Source: the evaluation script of SQuAD 2.0 (Rajpurkar et al., 2018, https://rajpurkar.github.io/SQuAD-explorer/), whose
results for SQuAD 1.1 equal those of the 1.1 script, except for answers that normalization leaves empty.
"""

import re
import string
from collections import Counter
from collections.abc import Sequence

from convbert_onnx.runtime.evaluation.metrics import f1

__all__ = ["answer_f1", "exact_match", "normalized_answer"]

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLE = re.compile(r"\b(a|an|the)\b")


def normalized_answer(text: str) -> str:
    """The text in lower case, without ASCII punctuation and articles, its words separated by one space.

    Example: "The  Amazon's dust." -> "amazons dust"
    """
    return " ".join(_ARTICLE.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def exact_match(answer: str, expected: Sequence[str]) -> float:
    """1 if the normalized answer is one of the normalized expected answers, else 0.

    Args:
        answer: the predicted answer; empty for "no answer".
        expected: the answers of several people; none for a question without an answer.
    """
    return float(normalized_answer(answer) in _normalized(expected))


def answer_f1(answer: str, expected: Sequence[str]) -> float:
    """F1 of the words that the answer shares with an expected one; the best over all expected answers.

    Args:
        answer: the predicted answer; empty for "no answer", which is either right or wrong.
        expected: the answers of several people; none for a question without an answer.
    """
    return max(_f1(normalized_answer(answer).split(), one.split()) for one in _normalized(expected))


def _normalized(expected: Sequence[str]) -> list[str]:
    return [text for text in map(normalized_answer, expected) if text] or [""]


def _f1(words: list[str], expected: list[str]) -> float:
    if not words or not expected:
        return float(words == expected)
    return f1((Counter(words) & Counter(expected)).total(), len(words), len(expected))
