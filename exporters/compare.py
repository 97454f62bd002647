"""What a change of precision does to answers: a file beside its fp32 original, on text."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from convbert_onnx.bundle import Comparison
from convbert_onnx.exporters.sample_text import QUESTIONS, SENTENCES
from convbert_onnx.runtime.pipeline import ConvBertOnnxPipeline

__all__ = ["compare"]

_CHOICES = 3


def compare(original: Path, changed: Path) -> Comparison:
    """Run both files on the text that ships with the exporter.

    Args:
        original: the file that is right, a bundle.
        changed: the one that may differ; it needs no bundle.
    """
    first = ConvBertOnnxPipeline(original)
    second = ConvBertOnnxPipeline(changed, first.task, tokenizer=first.tokenizer, config=first.config)
    calls = _calls(first)
    answers = zip(first.answer_each(calls), second.answer_each(calls), strict=True)
    same = sum(_decision(first.task, one) == _decision(first.task, other) for one, other in answers)
    differences = np.concatenate(
        [
            np.abs(one[name] - other[name]).ravel()
            for rows, others in zip(first.outputs_each(calls), second.outputs_each(calls), strict=True)
            for one, other in zip(rows, others, strict=True)
            for name in one
        ]
    )
    return Comparison(
        texts=len(calls),
        same_answers=None if first.task == "feature-extraction" else same,
        mean_difference=float(differences.mean()),
        worst_difference=float(differences.max()),
    )


def _calls(pipe: ConvBertOnnxPipeline) -> Sequence[Mapping[str, Any]]:
    """The text as calls of the task's pipeline."""
    if pipe.task == "question-answering":
        return [{"question": question, "context": context} for question, context in QUESTIONS]
    if pipe.task == "multiple-choice":
        return [_choice(number) for number in range(len(SENTENCES))]
    if pipe.task == "fill-mask":
        return [{"inputs": _with_mask(number, str(pipe.tokenizer.mask_token))} for number in range(len(SENTENCES))]
    return [{"inputs": sentence} for sentence in SENTENCES]


def _choice(number: int) -> dict[str, Any]:
    """The beginning of a sentence with its own end and those of the sentences before."""
    *beginning, _ = SENTENCES[number].split(maxsplit=4)
    ends = [SENTENCES[number - shift].split(maxsplit=4)[-1] for shift in range(_CHOICES)]
    return {"prompt": " ".join(beginning), "choices": ends}


def _with_mask(number: int, mask: str) -> str:
    """A sentence in which one word, another one in each sentence, is masked."""
    words = SENTENCES[number].split()
    words[number % len(words)] = mask
    return " ".join(words)


def _decision(task: str, result: Any) -> Any:
    """What a user takes from a result, without how sure it is."""
    match task:
        case "question-answering":
            return result["answer"], result["start"]
        case "text-classification":
            return result[0]["label"]
        case "token-classification":
            return [(token["index"], token["entity"]) for token in result]
        case "fill-mask":
            return result[0]["token"]
        case "multiple-choice":
            return result["label"]
    return None
