"""Every line gets one result, whatever happens to it or to other lines."""

import io
import json
import tracemalloc
from collections.abc import Iterator
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden import Exported, same_result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convbert_onnx import ConvBertOnnxPipeline
from convbert_onnx.errors import InputError, RunError
from convbert_onnx.json_text import to_json
from convbert_onnx.runtime import answer_lines
from convbert_onnx.runtime.json_lines.line_chunks import MAX_LINE_BYTES, line_chunks

QUESTION = {"question": "Where does it fall?", "context": "The dust falls on the Amazon."}
MARK = b"\xef\xbb\xbf"


def as_line(call: Any) -> bytes:
    return json.dumps(call).encode()


@pytest.fixture(scope="module")
def answering(exported: Exported) -> ConvBertOnnxPipeline:
    return ConvBertOnnxPipeline(exported(), threads=1)


def open_task(exported: Exported, task: str) -> tuple[ConvBertOnnxPipeline, dict[str, Any]]:
    if task == "zero-shot-classification":
        path = exported("cased", task="text-classification")
        return ConvBertOnnxPipeline(path, task, threads=1), {"sequences": "It falls.", "candidate_labels": ["a", "b"]}
    pipe = ConvBertOnnxPipeline(exported(task=task), threads=1)
    return pipe, QUESTION if task == "question-answering" else {"inputs": "It [MASK]."}


TEMPLATES = (
    "About {topic}: {}.",
    "{",
    "}",
    "{} {}",
    "{1}",
    "{0.x}",
    "{0[0]}",
    "{:>2000000000}",
    "{:d}",
    "{:{}}",
    "{!z}",
)
BAD: dict[str, dict[str, list[Any]]] = {
    "zero-shot-classification": {
        "hypothesis_template": [*TEMPLATES, "This text is about {{}}.", "none", 5, ["{}"]],
        "candidate_labels": [[], 2020, [2019, 2020], [["a"]], {"a": 1}, True, "", None],
    },
    "fill-mask": {
        "targets": [[], [""], [5], [[]], 5, {"a": "b"}],
        "tokenizer_kwargs": [True, "truncation", [], {"max_length": "5"}, {"stride": 3}],
    },
    "text-classification": {
        "function_to_apply": [1, "tanh"],
        "top_k": [2.5, 0, 10**30, [1], "all"],
        "return_all_scores": ["yes"],
        "truncation": [1, "left"],
        "max_length": [0, "5"],
        "text_pair": [3],
    },
    "token-classification": {
        "ignore_labels": [5, [["O"]]],
        "delimiter": [3],
        "stride": [5, "5"],
        "aggregation_strategy": [1, "all"],
        "is_split_into_words": ["no", 1],
    },
    "feature-extraction": {
        "return_tensors": [True],
        "pooling": [["mean"], "max"],
        "normalize": [1],
        "tokenize_kwargs": ["x", True],
    },
    "question-answering": {
        "top_k": [0],
        "question": [["a"], 5, "", None],
        "context": [None, {"a": 1}],
        "padding": ["left"],
        "batch_size": [0, "2"],
        "doc_stride": [1.5],
        "num_workers": ["all"],
        "unknown": [1],
    },
}


@pytest.mark.filterwarnings("ignore:the vocabulary has no word")
@pytest.mark.parametrize("task", BAD)
def test_invalid_argument_fails_its_line_only_and_is_named(exported: Exported, task: str) -> None:
    pipe, good = open_task(exported, task)
    bad = [(name, value) for name, values in BAD[task].items() for value in values]
    calls = [{"id": number, **good, name: value} for number, (name, value) in enumerate(bad)]
    first, *errors, last = answer_lines(pipe, map(as_line, [good, *calls, good]))
    assert first == last
    assert "result" in first
    for number, (answer, (name, value)) in enumerate(zip(errors, bad, strict=True)):
        assert answer.keys() == {"id", "line", "error"}, (name, value)
        assert (answer["id"], answer["line"]) == (number, number + 2)
        assert name in answer["error"] or name.removesuffix("s") in answer["error"], (value, answer["error"])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{", "not JSON"),
        (b"[1]", "must be a JSON object, not list"),
        (b'"text"', "must be a JSON object, not str"),
        (b'{"question": "\xff"}', "not UTF-8 (byte 14)"),
        ('{"question": "a"}'.encode("utf-16"), "not UTF-8"),
        (b"[" * 100_000, "nested too deep"),
        (b'{"id": ' + b"[" * 400 + b"]" * 400 + b"}", "`id` is nested more than 100 deep"),
        (b'{"question": "a", "question": "b", "context": "c"}', "has 'question' twice"),
        (b'{"id": NaN}', "has NaN, which JSON does not have"),
        (b'{"id": -Infinity}', "has -Infinity"),
        (b'{"id": 1e999}', "has the number '1e999', which is too large"),
        (b'{"id": ' + b"1" * 5000 + b"}", "not JSON"),
        (b"{}", "`question` is missing"),
        (b'{"question": "a", "context": "b", "' + b"x" * 10_000 + b'": 1}', "unknown argument xxx"),
        (b'{"question": "a"} {"question": "b"}', "not JSON"),
    ],
)
def test_invalid_line_gets_an_error(answering: ConvBertOnnxPipeline, line: bytes, message: str) -> None:
    lines = [as_line(QUESTION), line, as_line(QUESTION)]
    before, error, after = answer_lines(answering, lines)
    assert before == after
    assert "result" in before
    assert error["line"] == 2
    assert message in error["error"]
    assert len(error["error"]) < 1000


def test_byte_order_marks_blank_lines_and_crlf_are_accepted(answering: ConvBertOnnxPipeline) -> None:
    one = as_line(QUESTION)
    lines = [MARK + one + b"\r\n", b"\r\n", b"\n", b" \t\n", b"{\r\n", one, b"\n"]
    first, error, last = answer_lines(answering, lines)
    assert first == last
    assert error["line"] == 5  # blank lines count
    assert list(answer_lines(answering, [MARK, b""])) == []
    (inside,) = answer_lines(answering, [b"\n", MARK + one][1:])
    assert "result" in inside


def test_ids_of_any_json_type_are_copied(answering: ConvBertOnnxPipeline) -> None:
    ids = [0, "a", 1.5, None, True, [1, {"a": None}], {"x": []}, "\ud800"]
    answers = list(answer_lines(answering, [as_line({"id": one, **QUESTION}) for one in ids]))
    assert [answer["id"] for answer in answers] == ids
    refused = list(answer_lines(answering, [as_line({"id": one, "question": ""}) for one in ids]))
    assert [answer["id"] for answer in refused] == ids
    assert all("error" in answer for answer in refused)


def test_lines_before_a_read_error_are_answered(answering: ConvBertOnnxPipeline) -> None:
    def lines() -> Iterator[bytes]:
        yield as_line(QUESTION)
        raise OSError("the disk is gone")

    answers = answer_lines(answering, lines())
    assert "result" in next(answers)
    with pytest.raises(OSError, match="the disk is gone"):
        next(answers)


def test_batch_lines_limits_how_many_lines_are_read_ahead(answering: ConvBertOnnxPipeline) -> None:
    read = 0

    def lines() -> Iterator[bytes]:
        nonlocal read
        for _ in range(10):
            read += 1
            yield as_line(QUESTION)

    answers = answer_lines(answering, lines(), batch_lines=3)
    next(answers)
    assert read == 3


def test_too_long_line_is_refused_in_bounded_memory(answering: ConvBertOnnxPipeline) -> None:
    class Source(io.RawIOBase):
        """A line of 50 MB, then a valid one."""

        parts = chain(repeat(b"x" * 8192, 6400), [b"\n" + as_line(QUESTION)])

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            part = next(self.parts, b"")
            buffer[: len(part)] = part
            return len(part)

    file = io.BufferedReader(Source())
    tracemalloc.start()
    long, good = answer_lines(answering, chain.from_iterable(line_chunks(file)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert long == {"line": 1, "error": f"the line is longer than {MAX_LINE_BYTES} bytes: split it into several"}
    assert "result" in good
    assert peak < 5 * MAX_LINE_BYTES


def with_bad_embedding(path: Path, target: Path, token: int, value: float) -> None:
    """Write the model with an embedding that makes every row with this token infinite or NaN."""
    onnx = pytest.importorskip("onnx")  # the light path does not have it
    model = onnx.load(path)
    names = {name for node in model.graph.node if node.op_type == "Gather" for name in node.input}
    words = max((one for one in model.graph.initializer if one.name in names), key=lambda one: one.dims[0])
    assert words.dims[0] > 3000
    array = onnx.numpy_helper.to_array(words).copy()
    array[token] = value
    words.CopyFrom(onnx.numpy_helper.from_array(array, words.name))
    onnx.save(model, target)


@pytest.mark.parametrize("task", ["question-answering", "fill-mask", "token-classification", "feature-extraction"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_non_finite_outputs_fail_their_line_only(exported: Exported, tmp_path: Path, task: str, value: float) -> None:
    sound, good = open_task(exported, task)
    (token,) = sound.tokenizer.encode_text("denver").ids[:1]
    with_bad_embedding(exported(task=task), tmp_path / "bad.onnx", token, value)
    pipe = ConvBertOnnxPipeline(tmp_path / "bad.onnx", threads=1)
    name = "context" if task == "question-answering" else "inputs"
    bad = {**good, name: f"denver {good[name]}"}
    first, error, last = answer_lines(pipe, map(as_line, [good, bad, good]))
    assert "not finite" in error["error"]
    if task == "fill-mask":  # its logits depend on all embeddings
        assert "not finite" in first["error"]
    else:
        assert same_result(first["result"], sound(**good), 1e-5)
        assert first == last
    with pytest.raises(RunError, match="not finite"):
        pipe(**bad)
    with pytest.raises(RunError, match="not finite"):
        pipe.raw_outputs_many([bad])


def test_row_that_fails_in_the_engine_fails_its_line_only(exported: Exported) -> None:
    pipe = ConvBertOnnxPipeline(exported(), threads=1)
    # A token id without an embedding makes the engine refuse the whole batch.
    encode = pipe._task_pipeline.preprocess

    def with_unknown_token(example: Any, parameters: Any) -> Any:
        rows = list(encode(example, parameters))
        if example.question.startswith("bad"):
            rows[0].ids[1] = 10**6
        return rows

    pipe._task_pipeline.preprocess = with_unknown_token  # type: ignore[method-assign]
    first, error, last = answer_lines(pipe, map(as_line, [QUESTION, {**QUESTION, "question": "bad?"}, QUESTION]))
    assert first == last
    assert "result" in first
    assert "onnxruntime failed" in error["error"]


def test_arrays_cannot_be_written_as_json(exported: Exported) -> None:
    pipe, good = open_task(exported, "feature-extraction")
    assert json.loads(to_json(pipe(**good))) == pipe(**good)
    with pytest.raises(InputError, match="return_tensors"):
        to_json(pipe(**good, return_tensors=True))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
NAMES = (
    "question",
    "context",
    "id",
    "data",
    "X",
    "top_k",
    "padding",
    "doc_stride",
    "max_seq_len",
    "batch_size",
    "topk",
)
LINES = (
    st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=3), JSON, max_size=4).map(as_line)
    | JSON.map(as_line)
    | st.binary(max_size=30)
    | st.sampled_from([as_line(QUESTION), b"", b"\n", MARK, b"[" * 5000, b"null"])
)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(lines=st.lists(LINES, max_size=6))
def test_every_line_gets_one_result(answering: ConvBertOnnxPipeline, lines: list[bytes]) -> None:
    lines = [*lines, as_line({"id": "last", **QUESTION})]
    answers = list(answer_lines(answering, lines))
    assert len(answers) == sum(
        bool(line.removeprefix(MARK if not number else b"").strip()) for number, line in enumerate(lines)
    )
    assert answers[-1]["id"] == "last"
    assert "result" in answers[-1]
    for answer in answers:
        assert ("result" in answer) != ("error" in answer)
        json.dumps(answer, allow_nan=False)
