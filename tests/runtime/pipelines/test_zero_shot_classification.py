"""Labels and templates of zero-shot classification."""

from typing import Any

import pytest
from golden import Exported, same_result

from convbert_onnx import ConvBertOnnxPipeline
from convbert_onnx.errors import InputError

TEXT, OTHER = "The league announced the two finalists.", "It rained in Denver all day long."
LONG = "one two three " * 300


def test_labels_of_the_caller_are_ordered_by_score(exported: Exported) -> None:
    pipe = ConvBertOnnxPipeline(exported("cased", task="text-classification"), task="zero-shot-classification")
    assert pipe.task == "zero-shot-classification"
    result = pipe(TEXT, ["sport", "politics", "science"])
    assert sum(result["scores"]) == pytest.approx(1)
    assert pipe(TEXT, candidate_labels="sport, politics, science") == result
    assert same_result(pipe([TEXT], ["sport", "politics", "science"]), [result], 1e-6)
    assert sum(pipe(TEXT, ["sport", "politics"], multi_label=True)["scores"]) != pytest.approx(1)
    assert pipe(LONG, ["sport"])["labels"] == ["sport"]
    unplaced = {"candidate_labels": "a", "hypothesis_template": "no place"}
    refused: tuple[dict[str, Any], ...] = ({}, {"candidate_labels": []}, unplaced)
    for kwargs in refused:
        with pytest.raises(InputError):
            pipe(TEXT, **kwargs)
    with pytest.raises(InputError, match="at least one sequence"):
        pipe("", ["sport"])


def test_model_without_entailment_label_gives_a_warning(exported: Exported) -> None:
    pipe = ConvBertOnnxPipeline(exported("plain", task="text-classification"), task="zero-shot-classification")
    with pytest.warns(UserWarning, match="no label of this model starts with 'entail'"):
        pipe(TEXT, ["sport", "politics"])


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("no label", "has no placeholder"),
        ("{} {name}", "has placeholders for other values"),
        ("{", "cannot be filled in"),
        ("{:>99999999}", "has a format"),
        ("{} {0}", "cannot be filled in"),
    ],
)
def test_template_needs_exactly_a_label(exported: Exported, template: str, message: str) -> None:
    pipe = ConvBertOnnxPipeline(exported("cased", task="text-classification"), task="zero-shot-classification")
    with pytest.raises(InputError, match=message):
        pipe(TEXT, ["sport"], hypothesis_template=template)
    result = pipe(TEXT, ["sport"], hypothesis_template="{{}} {:>8}")
    assert pipe.describe({"sequences": TEXT}, result) == f"sport  score {result['scores'][0]:.3g}"
