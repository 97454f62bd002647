"""Masks, targets and the description of fill-mask."""

import pytest
from golden import Exported

from convbert_onnx import ConvBertOnnxPipeline
from convbert_onnx.errors import InputError

TEXT, OTHER = "The league announced the two finalists.", "It rained in Denver all day long."
LONG = "one two three " * 300


def test_several_masks_give_a_list_for_each_mask(exported: Exported) -> None:
    pipe = ConvBertOnnxPipeline(exported(task="fill-mask"))
    first, second = pipe("[MASK] is [MASK].", top_k=2)
    assert len(first) == len(second) == 2
    assert all("[MASK]" in filled["sequence"] for filled in first + second)


def test_targets_are_scored_over_the_whole_vocabulary(exported: Exported) -> None:
    pipe = ConvBertOnnxPipeline(exported(task="fill-mask"))
    best = pipe("A [MASK] day.", top_k=3)
    chosen = pipe("A [MASK] day.", targets=[filled["token_str"] for filled in best])
    assert chosen == best
    with pytest.warns(UserWarning, match="the vocabulary has no word 'zzzz'"):
        pipe("A [MASK] day.", targets="zzzz")
    with pytest.warns(UserWarning, match="left out"), pytest.raises(InputError, match="At least one target"):
        pipe("A [MASK] day.", targets=" ")


def test_describe_gives_a_line_for_each_word_of_each_mask(exported: Exported) -> None:
    pipe = ConvBertOnnxPipeline(exported(task="fill-mask"))
    call = {"inputs": "[MASK] is [MASK]."}
    result = pipe(**call, top_k=2)
    lines = pipe.describe(call, result).splitlines()
    words = [word for mask in result for word in mask]
    assert [line.split("  ")[0] for line in lines] == [word["token_str"] for word in words]
    assert all(word["sequence"] in line for word, line in zip(words, lines, strict=True))
