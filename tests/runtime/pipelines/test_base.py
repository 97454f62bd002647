"""Steps that the pipelines of all tasks share: forms of a call, and the encoding of texts."""

from typing import Any

import numpy as np
import pytest
from golden import Exported, same_result

from convbert_onnx import ConvBertOnnxPipeline
from convbert_onnx.errors import InputError, InputTypeError
from convbert_onnx.runtime.pipelines.base import as_examples, check_string, pipeline_class

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


class Dataset:
    def __len__(self) -> int:
        return 2

    def __getitem__(self, number: int) -> str:
        return f"entry {number}"


class Table(Dataset):
    def keys(self) -> list[str]:
        return ["column"]


def test_as_examples_recognizes_collections_iterators_and_datasets() -> None:
    assert as_examples(("a", "b")) == ["a", "b"]
    assert as_examples(np.array(["a", "b"])) == ["a", "b"]
    iterator = iter("ab")
    assert as_examples(iterator) is iterator
    assert list(as_examples(Dataset()) or ()) == ["entry 0", "entry 1"]
    for single in ("text", b"bytes", {"a": 1}, np.float32(1), 5, None, Table()):
        assert as_examples(single) is None


def test_check_string_converts_subclasses_and_names_the_argument() -> None:
    assert type(check_string("text", np.str_("a"))) is str
    with pytest.raises(InputTypeError, match="`text` must be a string, not int"):
        check_string("text", 5)


def test_pipeline_class_is_found_by_the_name_of_the_task() -> None:
    assert pipeline_class("zero-shot-classification").__name__ == "ZeroShotClassification"
    with pytest.raises(ModuleNotFoundError, match="summarization"):
        pipeline_class("summarization")
