"""The pipelines of the exported toys, opened when they are first asked for."""

import os
from functools import cache

from convbert_onnx import ConvBertOnnxPipeline

from .bases import base_path

__all__ = ["PIPELINES", "opened"]

PIPELINES = (
    "feature-extraction",
    "fill-mask",
    "text-classification",
    "zero-shot-classification",
    "multiple-choice",
    "token-classification",
    "question-answering",
)


@cache
def opened(task: str) -> ConvBertOnnxPipeline:
    """The pipeline of a task; FUZZ_FORM says of which of its files, "cpu-fp32" by default."""
    form = os.environ.get("FUZZ_FORM", "cpu-fp32")
    if task != "zero-shot-classification":
        return ConvBertOnnxPipeline(base_path(f"{task}-{form}"), threads=1)
    labels = {"id2label": {0: "contradiction", 1: "neutral", 2: "entailment"}}
    plain = opened("text-classification")
    config = type(plain.config).from_dict({**plain.config.to_dict(), **labels})
    return ConvBertOnnxPipeline(base_path(f"text-classification-{form}"), task, threads=1, config=config)
