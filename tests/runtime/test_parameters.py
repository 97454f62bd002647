"""Parameters: what each annotation takes, and that wrong values of every kind are errors of our tree."""

import warnings
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any, Literal, cast

import numpy as np
import pytest
from golden import Exported
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convbert_onnx import ConvBertOnnxPipeline
from convbert_onnx.errors import ConvBertError, InputError, InputTypeError
from convbert_onnx.runtime.parameters import (
    CommandLineValue,
    NonNegative,
    Parameters,
    Positive,
    TokenizerParameters,
    as_examples,
    as_list,
    check_string,
    check_value,
    check_whole_number,
    short_repr,
)

CHOICE = Literal[False, True, "longest"]
NUMBERS = tuple[tuple[NonNegative, ...], ...]


class Shade(Enum):
    """As transformers' enumerations are: the value is what counts."""

    LONGEST = "longest"
    OTHER = "other"


@pytest.mark.parametrize(
    ("hint", "value", "expected"),
    [
        (Positive, 3, 3),
        (Positive, np.int32(3), 3),
        (Positive, 2**63 - 1, 2**63 - 1),
        (bool, np.bool_(True), True),
        (str, np.str_("a"), "a"),
        (CHOICE, "Longest", "longest"),
        (CHOICE, Shade.LONGEST, "longest"),
        (CHOICE, True, True),
        (tuple[str, ...], "a", ("a",)),
        (tuple[str, ...], np.array(["a", "b"]), ("a", "b")),
        (tuple[str, ...] | None, None, None),
        (NUMBERS, np.array([[0, 1], [1, 2]]), ((0, 1), (1, 2))),
        (TokenizerParameters, {"padding": True}, TokenizerParameters(padding=True)),
        (Positive, CommandLineValue("3"), 3),
        (str | tuple[str, ...], CommandLineValue("2020"), "2020"),
        (str | tuple[str, ...], CommandLineValue('["a", "b,c"]'), ("a", "b,c")),
        (bool, CommandLineValue("true"), True),
        (TokenizerParameters, CommandLineValue('{"max_length": 5}'), TokenizerParameters(max_length=5)),
    ],
)
def test_check_value_converts_to_the_annotated_type(hint: Any, value: Any, expected: Any) -> None:
    found = check_value("name", value, hint)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("hint", "value", "error", "message"),
    [
        (Positive, 0, InputError, "name parameter should be >= 1 (got 0)"),
        (Positive, 2.5, InputTypeError, "name parameter should be a whole number >= 1 (got 2.5)"),
        (Positive, float("nan"), InputTypeError, "name parameter should be a whole number >= 1 (got nan)"),
        (Positive, True, InputTypeError, "name parameter should be a whole number >= 1 (got True)"),
        (Positive, "3", InputTypeError, "name parameter should be a whole number >= 1 (got '3')"),
        (Positive, 2**63, InputError, "name parameter should be a whole number of 64 bits"),
        (Positive | None, [[3]], InputTypeError, "name parameter should be a whole number >= 1 or None (got [[3]])"),
        (bool, 1, InputTypeError, "name parameter should be True or False (got 1)"),
        (str, b"a", InputTypeError, "name parameter should be a text (got b'a')"),
        (CHOICE, 1, InputTypeError, "name parameter should be one of False, True, longest (got 1)"),
        (
            CHOICE,
            Shade.OTHER,
            InputError,
            "name parameter should be one of False, True, longest (got <Shade.OTHER: 'other'>)",
        ),
        (tuple[str, ...], 5, InputTypeError, "name parameter should be a list of texts (got 5)"),
        (tuple[str, ...], [["a"]], InputTypeError, "name parameter should be a list of texts (got [['a']])"),
        (tuple[str, ...], {"a": 1}, InputTypeError, "name parameter should be a list of texts (got {'a': 1})"),
        (TokenizerParameters, True, InputTypeError, "name parameter should be a mapping with padding, "),
        (TokenizerParameters, {"paddin": True}, InputError, "name takes padding, truncation, .* not 'paddin'"),
        (TokenizerParameters, {1: True, "a": 2}, InputError, "name takes padding, truncation, .* not 1, 'a'"),
        (TokenizerParameters, {"max_length": 0}, InputError, "name: max_length parameter should be >= 1"),
        (Positive, CommandLineValue("no"), InputTypeError, "should be a whole number >= 1 (got 'no')"),
        (tuple[str, ...], CommandLineValue("[2019, 2020]"), InputTypeError, "should be a list of texts"),
    ],
)
def test_check_value_refuses_other_values_by_name(hint: Any, value: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        check_value("name", value, hint)
    assert type(caught.value) is error
    for part in message.split(".*"):
        assert part.strip() in str(caught.value)


def test_number_with_thousands_of_digits_is_refused() -> None:
    with pytest.raises(InputError, match=r"a whole number of 64 bits \(got a value of type int\)"):
        check_value("name", 10**5000, Positive)


def test_none_means_the_default_unless_annotated() -> None:
    @dataclass(frozen=True)
    class Some(Parameters):
        count: Positive = 5
        limit: Positive | Literal[""] | None = ""

    assert Some(count=None) == Some(count=5)  # type: ignore[arg-type]
    assert Some(limit=None).limit is None
    assert Some().limit == ""


def test_as_list_accepts_collections_only() -> None:
    assert as_list(np.array(["a", "b"])) == ["a", "b"]
    assert as_list(("a", "b")) == ["a", "b"]
    assert as_list({"a": 1}.keys()) == ["a"]
    for other in ("ab", b"ab", {"a": 1}, 5, None, np.array(5), np.str_("a"), iter("ab")):
        assert as_list(other) is None


def test_check_whole_number() -> None:
    check_whole_number("threads", np.int64(2), 1)
    with pytest.raises(InputTypeError, match="threads parameter should be a whole number"):
        check_whole_number("threads", True, 1)


def test_short_repr_is_short_and_never_fails() -> None:
    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError

    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    for value in ("x" * 10**6, list(range(10**5)), deep, Broken(), 10**10000):
        assert len(short_repr(value)) < 200


TEXT = "It [MASK] on the Amazon."
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "feature-extraction": ("plain", {"inputs": TEXT}),
    "fill-mask": ("plain", {"inputs": TEXT}),
    "text-classification": ("plain", {"inputs": TEXT}),
    "zero-shot-classification": ("cased", {"sequences": TEXT, "candidate_labels": "a,b"}),
    "multiple-choice": ("plain", {"prompt": TEXT, "choices": ["a", "b c"]}),
    "token-classification": ("plain", {"inputs": TEXT}),
    "question-answering": ("plain", {"question": "Where?", "context": TEXT}),
}

NAMES = ("padding", "truncation", "max_length", "text", "text_pair", "question", "context", "prompt", "choices")
WORDS = ("none", "simple", "MAX", "longest", "max_length", "only_first", "only_second", "do_not_truncate", "softmax")
TEMPLATES = ("{}", "{", "{{}}", "{0}", "{!r}", "{x}", "{0.__class__}", "{:>2000000000}", "{} {}")
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([0, 1, 2, 3, 5, 16, 512, 2**31, 2**63, -(2**63), 10**4000])
    | st.floats()
    | st.text(max_size=8)
    | st.binary(max_size=3)
    | st.sampled_from(["", "a,b", "mean", "\ud800", *WORDS, *TEMPLATES])
    | st.sampled_from([np.int64(2), np.float32("nan"), np.bool_(True), np.str_("a"), np.array(5), np.array(["a", "b"])])
    | st.sampled_from([Shade.LONGEST, Shade.OTHER, object(), Exception, len, ..., 1j, range(3), np.zeros((2, 2)), b""])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=3), inner, max_size=3)
        | st.lists(inner, max_size=2).map(iter)
    ),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def pipes(exported: Exported) -> dict[str, ConvBertOnnxPipeline]:
    found = {}
    for task, (architecture, _) in CALLS.items():
        kind = "text-classification" if task.startswith("zero") else task
        found[task] = ConvBertOnnxPipeline(exported(architecture, task=kind), task, threads=1)
    return found


@pytest.mark.parametrize("task", CALLS)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_call_with_any_argument_works_or_raises_a_convbert_error(
    pipes: dict[str, ConvBertOnnxPipeline], task: str, data: st.DataObject
) -> None:
    pipe, (_, call) = pipes[task], CALLS[task]
    parameters = [own.name for own in fields(pipe._task_pipeline.parameters) if own.init]
    names = data.draw(st.lists(st.sampled_from([*parameters, *pipe._task_pipeline.arguments]), min_size=1, max_size=2))
    changed = {**call, **{name: data.draw(VALUES, label=name) for name in names}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            result = pipe(**changed)
            list(result)
        except ConvBertError as error:
            assert str(error)
        (each,) = pipe.run_many([changed])
        assert not isinstance(each, Exception) or isinstance(each, ConvBertError), each


@pytest.mark.parametrize("task", CALLS)
def test_invalid_parameter_is_named(pipes: dict[str, ConvBertOnnxPipeline], task: str) -> None:
    pipe, (_, call) = pipes[task], CALLS[task]
    for own in fields(pipe._task_pipeline.parameters):
        if own.init:
            with pytest.raises(InputTypeError, match=own.name):
                pipe(**{**call, own.name: object()})
            with pytest.raises(InputTypeError, match=own.name):
                ConvBertOnnxPipeline(pipe._model.path, task, threads=1, **cast(Any, {own.name: object()}))


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
