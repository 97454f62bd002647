"""What the reference's results do not show: forms of input, parameters and refusals of each task's pipeline."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from golden import Exported, batches, inputs_of, relative_difference, same_result

from convbert_onnx import ConvBertOnnxPipeline
from convbert_onnx.errors import InputError, InputTypeError, MissingKeyError

TEXT, OTHER = "The league announced the two finalists.", "It rained in Denver all day long."
LONG = "one two three " * 300


def open_task(exported: Exported, kind: str, architecture: str = "plain", **options: Any) -> ConvBertOnnxPipeline:
    return ConvBertOnnxPipeline(exported(architecture, task=kind), **options)


@pytest.mark.parametrize("task", ["fill-mask", "text-classification", "token-classification", "feature-extraction"])
def test_lists_iterators_and_neighbours(exported: Exported, task: str) -> None:
    pipe = open_task(exported, task)
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
def test_a_text_that_is_too_long_is_cut_only_when_asked(exported: Exported, task: str, cut: dict[str, Any]) -> None:
    pipe = open_task(exported, task)
    with pytest.raises(InputError, match=r"has 903 tokens, .* maximum of 512: .*truncation=True"):
        pipe("[MASK] " + LONG[:-1])
    assert pipe("[MASK] " + LONG, **cut)


def test_pooled_features_are_means_and_first_vectors(exported: Exported) -> None:
    pipe = open_task(exported, "feature-extraction")
    tokens = pipe(TEXT, return_tensors=True)
    assert tokens.dtype == np.float32
    assert tokens.shape[0] == 1
    np.testing.assert_allclose(pipe(TEXT, pooling="cls"), tokens[0, 0], rtol=1e-6)
    np.testing.assert_allclose(pipe(TEXT, pooling="mean"), tokens[0].mean(axis=0), rtol=1e-5)
    unit = pipe(TEXT, pooling="mean", normalize=True, return_tensors=True)
    np.testing.assert_allclose(np.linalg.norm(unit), 1, rtol=1e-6)
    assert isinstance(pipe(TEXT)[0][0][0], float)
    with pytest.raises(InputError, match="pooling parameter should be one of"):
        pipe(TEXT, pooling="max")


def test_several_masks_give_a_list_for_each(exported: Exported) -> None:
    pipe = open_task(exported, "fill-mask")
    first, second = pipe("[MASK] is [MASK].", top_k=2)
    assert len(first) == len(second) == 2
    assert all("[MASK]" in filled["sequence"] for filled in first + second)


def test_targets_are_scored_among_the_whole_vocabulary(exported: Exported) -> None:
    pipe = open_task(exported, "fill-mask")
    best = pipe("A [MASK] day.", top_k=3)
    chosen = pipe("A [MASK] day.", targets=[filled["token_str"] for filled in best])
    assert chosen == best
    with pytest.warns(UserWarning, match="the vocabulary has no word 'zzzz'"):
        pipe("A [MASK] day.", targets="zzzz")
    with pytest.warns(UserWarning, match="left out"), pytest.raises(InputError, match="At least one target"):
        pipe("A [MASK] day.", targets=" ")


def test_labels_come_alone_or_in_lists_as_the_reference_has_it(exported: Exported) -> None:
    pipe = open_task(exported, "text-classification")
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


def test_words_have_offsets_in_the_joined_text(exported: Exported) -> None:
    pipe = open_task(exported, "token-classification", ignore_labels=[])
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


def test_entities_beyond_the_models_length_need_a_stride(exported: Exported) -> None:
    pipe = open_task(exported, "token-classification", ignore_labels=[], aggregation_strategy="simple")
    assert pipe(LONG)[-1]["end"] < len(LONG) - 1000
    windows = pipe(LONG, stride=8)
    assert windows[-1]["end"] == len(LONG.rstrip())
    assert all(one["end"] <= other["start"] for one, other in pairwise(windows))
    with pytest.raises(InputError, match="stride needs an aggregation_strategy"):
        pipe(LONG, stride=8, aggregation_strategy="none")
    with pytest.warns(DeprecationWarning, match="aggregation_strategy"):
        assert pipe(TEXT, grouped_entities=True) == pipe(TEXT)


def test_labels_of_the_callers_own(exported: Exported) -> None:
    pipe = open_task(exported, "text-classification", "cased", task="zero-shot-classification")
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


def test_a_model_without_entailment_is_warned_about(exported: Exported) -> None:
    pipe = open_task(exported, "text-classification", "plain", task="zero-shot-classification")
    with pytest.warns(UserWarning, match="no label of this model starts with 'entail'"):
        pipe(TEXT, ["sport", "politics"])


CHOICES = ["down on the chair.", "blue.", "a very long sentence that goes on and on about nothing."]


def test_the_best_choice_is_the_models(exported: Exported) -> None:
    pipe = open_task(exported, "multiple-choice")
    batch = batches("plain", "multiple-choice")[2]
    (logits,) = pipe.session.run(["logits"], inputs_of(batch))
    for row in range(3):
        assert relative_difference(logits[row : row + 1], batch[f"row{row}.logits"]) < 5e-5
    result = pipe(prompt="She sat", choices=CHOICES)
    assert result["choice"] == CHOICES[result["label"]]
    assert result["score"] == max(result["scores"])
    assert sum(result["scores"]) == pytest.approx(1)
    backwards = pipe(prompt="She sat", choices=CHOICES[::-1])
    assert backwards["choice"] == result["choice"]
    np.testing.assert_allclose(backwards["scores"][::-1], result["scores"], rtol=1e-4)


def test_forms_of_choices(exported: Exported) -> None:
    pipe = open_task(exported, "multiple-choice")
    one, two = pipe("She sat", CHOICES), pipe("It rained", CHOICES[:2])
    assert same_result(pipe(prompt=["She sat", "It rained"], choices=[CHOICES, CHOICES[:2]]), [one, two], 1e-5)
    examples = [{"prompt": "She sat", "choices": CHOICES}, {"prompt": "It rained", "choices": CHOICES[:2]}]
    assert same_result(pipe(examples), [one, two], 1e-5)
    assert same_result(list(pipe(iter(examples))), [one, two], 1e-5)
    assert same_result(pipe(examples[0]), one, 1e-5)
    for kwargs, error in (
        ({"prompt": "a"}, MissingKeyError),
        ({"choices": ["a"]}, MissingKeyError),
        ({"prompt": "a", "choices": "b"}, InputTypeError),
        ({"prompt": "a", "choices": []}, InputError),
        ({"prompt": "a", "choices": [5]}, InputTypeError),
        ({"prompt": ["a", "b"], "choices": [["a"]]}, InputError),
        ({"prompt": LONG, "choices": ["a"]}, InputError),
    ):
        with pytest.raises(error):
            pipe(**kwargs)
    assert pipe(prompt=LONG, choices=["a", "b"], truncation="only_first")["choice"] in "ab"
