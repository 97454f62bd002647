"""Steps that the pipelines of all tasks share: forms of a call, and the encoding of texts."""

from typing import Any

import pytest
from golden import Exported, same_result

from convbert_onnx import ConvBertOnnxPipeline
from convbert_onnx.errors import InputError, InputTypeError
from convbert_onnx.runtime.pipelines.base import pipeline_class

TEXT, OTHER = "The league announced the two finalists.", "It rained in Denver all day long."
LONG = "one two three " * 300


@pytest.mark.parametrize("task", ["fill-mask", "text-classification", "token-classification", "feature-extraction"])
def test_lists_and_iterators_give_the_results_of_single_texts(exported: Exported, task: str) -> None:
    pipe = ConvBertOnnxPipeline(exported(task=task))
    texts = [f"{text} [MASK]" for text in (TEXT, OTHER, "Short.")]
    alone = [pipe([text, text])[0] for text in texts]
    assert same_result(pipe(texts), alone, 1e-5)
    assert same_result(pipe(inputs=texts, batch_size=1), alone, 1e-5)
    assert same_result(list(pipe(iter(texts), batch_size=2)), alone, 1e-5)
    for wrong in (5, None, b"bytes", [5, 5]):
        with pytest.raises(InputTypeError):
            pipe(wrong)
    with pytest.raises(InputError, match="give one argument, inputs"):
        pipe()
    with pytest.raises(InputError, match="unknown argument top"):
        pipe(TEXT, top=3)


@pytest.mark.parametrize(
    ("task", "cut"),
    [
        ("fill-mask", {"tokenizer_kwargs": {"truncation": True}}),
        ("text-classification", {"truncation": True}),
        ("feature-extraction", {"truncation": True}),
    ],
)
def test_too_long_text_is_cut_only_with_truncation(exported: Exported, task: str, cut: dict[str, Any]) -> None:
    pipe = ConvBertOnnxPipeline(exported(task=task))
    with pytest.raises(InputError, match=r"has 903 tokens, .* maximum of 512: .*truncation=True"):
        pipe("[MASK] " + LONG[:-1])
    assert pipe("[MASK] " + LONG, **cut)


def test_pipeline_class_is_found_by_the_name_of_the_task() -> None:
    assert pipeline_class("zero-shot-classification").__name__ == "ZeroShotClassification"
    with pytest.raises(ModuleNotFoundError, match="summarization"):
        pipeline_class("summarization")
