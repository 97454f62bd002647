"""Graphs of other exporters: their inputs and outputs, matched with those of a task."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import BundleError
from convbert_onnx.runtime.sessions.interface import Interface, find_interface
from convbert_onnx.runtime.sessions.onnxruntime_types import Array, SessionOptions
from convbert_onnx.tasks import task_by_name

PATH = Path("model.onnx")
CONFIG = ConvBertConfig(id2label={0: "a", 1: "b", 2: "c"})
Shape = tuple[int | str | None, ...]


@dataclass
class Arg:
    name: str
    shape: Shape = ("batch", "sequence")
    type: str = "tensor(int64)"


@dataclass
class FakeSession:
    """A session with declared inputs and outputs, which returns zeros."""

    inputs: Sequence[Arg]
    outputs: Sequence[Arg]
    result: tuple[int, ...] = ()
    error: str | None = None
    calls: list[Mapping[str, Array]] = field(default_factory=list)

    def get_inputs(self) -> Sequence[Arg]:
        return self.inputs

    def get_outputs(self) -> Sequence[Arg]:
        return self.outputs

    def get_providers(self) -> list[str]:
        raise NotImplementedError

    def get_session_options(self) -> SessionOptions:
        raise NotImplementedError

    def run(self, output_names: Sequence[str] | None, input_feed: Mapping[str, Array], /) -> list[Array]:
        if self.error:
            raise RuntimeError(self.error)
        self.calls.append(input_feed)
        return [np.zeros(self.result, np.float16) for _ in output_names or ()]

    def end_profiling(self) -> str:
        raise NotImplementedError


INPUTS = [Arg("input_ids"), Arg("attention_mask"), Arg("token_type_ids")]


def output(name: str, *shape: int | str | None, type: str = "tensor(float)") -> Arg:
    return Arg(name, shape, type)


LOGITS = output("logits", "batch", 3)
SESSION = FakeSession(INPUTS, [LOGITS])
SIZES = {"labels": 3, "vocab": CONFIG.vocab_size, "hidden": CONFIG.hidden_size}


def find(session: FakeSession, task: str = "text-classification") -> Interface:
    return find_interface(PATH, session, task_by_name(task), CONFIG)


def test_exported_interface_takes_any_batch() -> None:
    names = dict.fromkeys(("input_ids", "attention_mask", "token_type_ids"), np.int64)
    assert find(SESSION) == Interface(names, ("logits",), sizes=SIZES, takes_any_batch=True)


def test_token_type_ids_may_be_missing_and_inputs_may_be_int32() -> None:
    inputs = [Arg("input_ids", type="tensor(int32)"), Arg("attention_mask", type="tensor(int32)")]
    interface = find(replace(SESSION, inputs=inputs))
    assert interface.inputs == {"input_ids": np.int32, "attention_mask": np.int32}
    assert not interface.takes_any_batch


def test_fixed_sizes_are_found() -> None:
    inputs = [Arg(one.name, (2, 64)) for one in INPUTS]
    interface = find(replace(SESSION, inputs=inputs))
    assert (interface.batch, interface.choices, interface.sequence) == (2, None, 64)
    assert not interface.takes_any_batch


@pytest.mark.parametrize(
    ("outputs", "names"),
    [
        (("start_logits", "end_logits"), ("start_logits", "end_logits")),
        (("end_logits", "start_logits"), ("start_logits", "end_logits")),
        (("output_end", "output_start"), ("output_start", "output_end")),
        (("output_0", "output_1"), ("output_0", "output_1")),
    ],
)
def test_outputs_of_other_names_are_matched(outputs: tuple[str, str], names: tuple[str, str]) -> None:
    declared = [output(name, "batch", "sequence") for name in outputs]
    assert find(replace(SESSION, outputs=declared), "question-answering").outputs == names


def test_outputs_of_other_ranks_and_types_are_ignored() -> None:
    others = [output("hidden", "batch", "sequence", 8), output("count", "batch", 3, type="tensor(int64)")]
    assert find(replace(SESSION, outputs=[*others, output("scores", "batch", 3)])).outputs == ("scores",)


@pytest.mark.parametrize(
    ("session", "message"),
    [
        (replace(SESSION, inputs=INPUTS[:1]), "not a text-classification model: it has the inputs input_ids and"),
        (replace(SESSION, inputs=[*INPUTS, Arg("pixels")]), "export it with task='text-classification'"),
        (replace(SESSION, inputs=[Arg(one.name, ("b", "c", "s")) for one in INPUTS]), "not a text-classification"),
        (replace(SESSION, outputs=[output("a", "b", 3), output("b", "b", 3)]), "the outputs a, b, the task needs"),
        (replace(SESSION, inputs=[replace(INPUTS[0], type="tensor(float)"), *INPUTS[1:]]), "of type tensor(float)"),
        (replace(SESSION, outputs=[replace(LOGITS, type="tensor(bfloat16)")]), "export it with float32 outputs"),
        (
            replace(SESSION, inputs=[replace(INPUTS[0], shape=(1, 9)), replace(INPUTS[1], shape=(1, 8))]),
            "different siz",
        ),
        (replace(SESSION, outputs=[output("logits", "batch", 5)]), "gives 5 labels, its config has 3"),
        (replace(SESSION, outputs=[output("logits", "batch", None)], result=(1, 2)), "gives 2 labels"),
        (replace(SESSION, outputs=[output("logits", "batch", None)], result=(1, 2, 3)), "outputs of other shapes"),
        (replace(SESSION, outputs=[output("logits", "batch", None)], error="no"), "onnxruntime failed on model.onnx"),
    ],
)
def test_interface_that_does_not_fit_raises(session: FakeSession, message: str) -> None:
    with pytest.raises(BundleError, match=re.escape(message)):
        find(session)


def test_undeclared_sizes_are_found_by_a_trial_run() -> None:
    session = FakeSession(INPUTS, [output("logits", "batch", None)], result=(1, 3))
    find(session)
    (inputs,) = session.calls
    assert {name: array.tolist() for name, array in inputs.items()} == {
        "input_ids": [[0, 0]],
        "attention_mask": [[1, 1]],
        "token_type_ids": [[0, 0]],
    }


def test_fit_converts_and_pads() -> None:
    interface = Interface({"input_ids": np.int32, "attention_mask": np.int64}, ("logits",), batch=3, sequence=4)
    ids: NDArray[np.int64] = np.array([[5, 6], [7, 8]])
    fitted = interface.fit({"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": ids}, 9)
    assert {name: (array.dtype.name, array.tolist()) for name, array in fitted.items()} == {
        "input_ids": ("int32", [[5, 6, 9, 9], [7, 8, 9, 9], [5, 6, 9, 9]]),
        "attention_mask": ("int64", [[1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0]]),
    }


def test_fit_repeats_the_first_choice() -> None:
    interface = Interface({"input_ids": np.int64}, ("logits",), choices=3)
    assert interface.fit({"input_ids": np.array([[[1, 2], [3, 4]]])}, 0)["input_ids"].tolist() == [
        [[1, 2], [3, 4], [1, 2]]
    ]


def test_fit_makes_each_row_an_example_with_one_choice() -> None:
    interface = Interface({"input_ids": np.int64}, ("logits",), has_choices=True)
    assert interface.fit({"input_ids": np.array([[1, 2], [3, 4]])}, 0)["input_ids"].tolist() == [[[1, 2]], [[3, 4]]]
    assert interface.fit({"input_ids": np.array([[[1, 2]]])}, 0)["input_ids"].tolist() == [[[1, 2]]]
