"""Words, windows and offsets of token classification."""

from itertools import pairwise

import pytest
from golden import Exported

from convbert_onnx import ConvBertOnnxPipeline
from convbert_onnx.errors import InputError, InputTypeError

TEXT, OTHER = "The league announced the two finalists.", "It rained in Denver all day long."
LONG = "one two three " * 300


def test_words_have_offsets_in_the_joined_text(exported: Exported) -> None:
    pipe = ConvBertOnnxPipeline(exported(task="token-classification"), ignore_labels=[])
    words = ["The", "Denver", "Broncos", "won."]
    text = "-".join(words)
    for strategy in ("none", "simple", "first", "average", "max"):
        (entities,) = pipe(words, is_split_into_words=True, delimiter="-", aggregation_strategy=strategy)
        assert entities[0]["start"] == 0
        assert entities[-1]["end"] == len(text)
        assert all(text[one["start"] : one["end"]].strip("-") for one in entities)
    assert pipe([words, words[:2]], is_split_into_words=True)[:1] == pipe(words, is_split_into_words=True)
    with pytest.raises(InputTypeError, match="is_split_into_words"):
        pipe([words, words])


def test_stride_finds_entities_past_the_maximum_length(exported: Exported) -> None:
    pipe = ConvBertOnnxPipeline(exported(task="token-classification"), ignore_labels=[], aggregation_strategy="simple")
    assert pipe(LONG)[-1]["end"] < len(LONG) - 1000
    windows = pipe(LONG, stride=8)
    assert windows[-1]["end"] == len(LONG.rstrip())
    assert all(one["end"] <= other["start"] for one, other in pairwise(windows))
    with pytest.raises(InputError, match="stride needs an aggregation_strategy"):
        pipe(LONG, stride=8, aggregation_strategy="none")
    with pytest.warns(DeprecationWarning, match="aggregation_strategy"):
        assert pipe(TEXT, grouped_entities=True) == pipe(TEXT)


def test_describe_gives_label_word_and_characters(exported: Exported) -> None:
    pipe = ConvBertOnnxPipeline(exported(task="token-classification"), ignore_labels=[])
    first, *_ = result = pipe(TEXT)
    line, *rest = pipe.describe({"inputs": TEXT}, result).splitlines()
    assert line.startswith(f"{first['entity']}  {first['word']}  score ")
    assert line.endswith(f", characters {first['start']} to {first['end']}")
    assert len(rest) == len(result) - 1
    assert pipe.describe({"inputs": TEXT}, []) == "(nothing)"
