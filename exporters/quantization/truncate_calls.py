"""Calls whose texts are cut to what a model reads: sample and calibration texts are longer than some models."""

from collections.abc import Mapping
from typing import Any

from convbert_onnx.runtime.pipeline import ConvBertOnnxPipeline

__all__ = ["cut_call"]

_CUT: dict[str, dict[str, Any]] = {
    "feature-extraction": {"truncation": True},
    "fill-mask": {"tokenizer_kwargs": {"truncation": True}},
    "text-classification": {"truncation": True},
    "multiple-choice": {"truncation": True},
    "token-classification": {},  # its pipeline cuts anyway
}

_LONGEST_QUESTION = 64
"""Tokens of a question that the pipeline reads by default."""


def cut_call(pipe: ConvBertOnnxPipeline, call: Mapping[str, Any]) -> dict[str, Any]:
    """The call with the parameters that let the pipeline cut its texts; those it has already stay."""
    if pipe.task != "question-answering":
        return _CUT[pipe.task] | dict(call)
    # Half of a window at most, so that the other half is context.
    room = pipe.max_length - pipe.tokenizer.num_special_tokens(pair=True)
    return {"max_question_len": max(1, min(_LONGEST_QUESTION, room // 2))} | dict(call)
