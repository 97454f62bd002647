"""Forms of inputs and scores of multiple choice."""

import numpy as np
import pytest
from golden import Exported, batches, inputs_of, relative_difference, same_result

from convbert_onnx import ConvBertOnnxPipeline
from convbert_onnx.errors import InputError, InputTypeError, MissingKeyError

TEXT, OTHER = "The league announced the two finalists.", "It rained in Denver all day long."
LONG = "one two three " * 300
CHOICES = ["down on the chair.", "blue.", "a very long sentence that goes on and on about nothing."]


def test_best_choice_has_the_highest_logit(exported: Exported) -> None:
    pipe = ConvBertOnnxPipeline(exported(task="multiple-choice"))
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


def test_all_forms_of_a_call_give_the_same_choices(exported: Exported) -> None:
    pipe = ConvBertOnnxPipeline(exported(task="multiple-choice"))
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


def test_describe_gives_choice_and_index(exported: Exported) -> None:
    pipe = ConvBertOnnxPipeline(exported(task="multiple-choice"))
    call = {"prompt": "She sat", "choices": CHOICES}
    result = pipe(**call)
    line = f"{result['choice']}  score {result['score']:.3g}, choice {result['label']} of 3"
    assert pipe.describe(call, result) == line
