"""Pipelines of the seed models, loaded on first use."""

import os
from functools import cache

from convbert_onnx import ConvBertOnnxPipeline

from .seed_models import seed_model_path

__all__ = ["PIPELINES", "pipeline_for"]

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
def pipeline_for(task: str) -> ConvBertOnnxPipeline:
    """The pipeline of a task; the variable FUZZ_FORM selects its target and precision, "cpu-fp32" by default."""
    form = os.environ.get("FUZZ_FORM", "cpu-fp32")
    if task != "zero-shot-classification":
        return ConvBertOnnxPipeline(seed_model_path(f"{task}-{form}"), threads=1)
    labels = {"id2label": {0: "contradiction", 1: "neutral", 2: "entailment"}}
    plain = pipeline_for("text-classification")
    config = type(plain.config).from_dict({**plain.config.to_dict(), **labels})
    return ConvBertOnnxPipeline(seed_model_path(f"text-classification-{form}"), task, threads=1, config=config)
