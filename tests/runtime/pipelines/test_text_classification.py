"""Forms of inputs and results of text classification."""

import pytest
from golden import Exported

from convbert_onnx import ConvBertOnnxPipeline
from convbert_onnx.errors import InputError

TEXT, OTHER = "The league announced the two finalists.", "It rained in Denver all day long."
LONG = "one two three " * 300


def test_labels_are_listed_as_in_the_reference(exported: Exported) -> None:
    pipe = ConvBertOnnxPipeline(exported(task="text-classification"))
    (listed,) = pipe(TEXT)
    assert pipe({"text": TEXT}) == listed
    assert pipe([TEXT]) == [listed]
    assert len(pipe(TEXT, top_k=None)) == 3
    assert sum(label["score"] for label in pipe(TEXT, top_k=None)) == pytest.approx(1)
    assert pipe(TEXT, top_k=None)[0] == listed
    pair = pipe({"text": TEXT, "text_pair": OTHER}, top_k=None, function_to_apply="none")
    assert sum(label["score"] for label in pair) != pytest.approx(1)
    with pytest.raises(InputError, match="function_to_apply"):
        pipe(TEXT, function_to_apply="tanh")


def test_describe_gives_a_line_for_each_label(exported: Exported) -> None:
    pipe = ConvBertOnnxPipeline(exported(task="text-classification"))
    result = pipe(TEXT, top_k=None)
    lines = pipe.describe({"inputs": TEXT}, result).splitlines()
    assert lines == [f"{label['label']}  score {label['score']:.3g}" for label in result]


def test_return_all_scores_of_a_call_replaces_top_k_of_the_pipeline(exported: Exported) -> None:
    pipe = ConvBertOnnxPipeline(exported(task="text-classification"), top_k=1)
    with pytest.warns(DeprecationWarning, match="return_all_scores"):
        assert len(pipe(TEXT, return_all_scores=True)[0]) == 3
    with pytest.raises(InputError, match="its own text_pair"):
        pipe({"text": TEXT, "text_pair": OTHER}, text_pair=OTHER)
