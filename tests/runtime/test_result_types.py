"""Type checkers know the results of pipelines; mypy checks a user's program."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Literal, get_args, get_origin, get_overloads

import pytest

import convbert_onnx
from convbert_onnx import runtime
from convbert_onnx.runtime.pipeline import ConvBertOnnxPipeline
from convbert_onnx.tasks import SECOND_USES, TASKS

PROGRAM = """
from collections.abc import Iterator
from typing import Any, assert_type

from convbert_onnx import ConvBertOnnxPipeline
from convbert_onnx.runtime import (
    Answer, Choice, Classification, Entity, Evaluation, FileInfo, FilledMask, LabelledSequence, PipelineInfo,
    TokenVectors, evaluate, inspect,
)

answering = ConvBertOnnxPipeline("a.onnx", "qa", native=False)
answer = answering(question="Where?", context="Here.")
assert_type(answer, Answer)
assert_type(answer["score"], float)
assert_type(answering("Where?", "Here.", max_answer_len=5), Answer)
assert_type(answering({"question": "Where?", "context": "Here."}), Answer)
assert_type(answering([{"question": "Where?", "context": "Here."}] * 2), list[Answer])
assert_type(answering(iter([{"question": "Where?", "context": "Here."}])), Iterator[Answer])
assert_type(answering(question="Where?", context="Here.", top_k=3), Any)

features = ConvBertOnnxPipeline("a.onnx", task="feature-extraction")
assert_type(features("a"), TokenVectors)
assert_type(features(["a", "b"]), list[TokenVectors])
assert_type(features("a", pooling="mean"), Any)
assert_type(ConvBertOnnxPipeline("a.onnx", "fill-mask")("a [MASK]")[0], FilledMask)
labelling = ConvBertOnnxPipeline("a.onnx", "text-classification")
assert_type(labelling("a"), list[Classification])
assert_type(labelling({"text": "a", "text_pair": "b"}), Classification)
assert_type(labelling(["a", "b"]), list[Classification])
zero_shot = ConvBertOnnxPipeline("a.onnx", "zero-shot-classification")
assert_type(zero_shot("a", ["x", "y"]), LabelledSequence)
assert_type(zero_shot("a", candidate_labels=["x", "y"])["labels"], list[str])
choosing = ConvBertOnnxPipeline("a.onnx", "mc")
assert_type(choosing(prompt="a", choices=["b", "c"]), Choice)
assert_type(choosing("a", ["b", "c"])["label"], int)
assert_type(ConvBertOnnxPipeline("a.onnx", "ner")("a", aggregation_strategy="simple"), list[Entity])

untyped = ConvBertOnnxPipeline("a.onnx")
assert_type(untyped("a"), Any)
assert_type(ConvBertOnnxPipeline("a.onnx", "qa", top_k=3), ConvBertOnnxPipeline[Any, Any])


def bare(pipe: ConvBertOnnxPipeline) -> PipelineInfo:
    assert_type(pipe.info["threads"], int)
    return pipe.info


assert_type(inspect("a.onnx"), FileInfo)
assert_type(inspect("a.onnx")["bytes"], int)
assert_type(evaluate(untyped, "a.json"), Evaluation)
"""
MISTAKES = """
from convbert_onnx import ConvBertOnnxPipeline

pipe = ConvBertOnnxPipeline("a.onnx", "qa")
pipe(question="Where?", context="Here.")["scores"]
pipe.info["device"]
ConvBertOnnxPipeline("a.onnx", "qa", native="yes")
"""


def mypy(folder: Path, program: str) -> subprocess.CompletedProcess[str]:
    pytest.importorskip("mypy")
    (folder / "program.py").write_text(program)
    # An editable install is an import hook, which mypy does not follow.
    environment = os.environ | {"MYPYPATH": str(Path(convbert_onnx.__path__[0]).parent)}
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--follow-imports",
        "silent",
        "--cache-dir",
        "cache",
        "program.py",
    ]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_mypy_knows_the_results_of_each_task(tmp_path: Path) -> None:
    result = mypy(tmp_path, PROGRAM)
    assert result.returncode == 0, result.stdout
    result = mypy(tmp_path, MISTAKES)
    assert result.returncode == 1
    messages = [line for line in result.stdout.splitlines() if ": error:" in line]
    assert len(messages) == 3, result.stdout
    assert 'TypedDict "Answer" has no key "scores"' in messages[0]
    assert 'TypedDict "PipelineInfo" has no key "device"' in messages[1]
    assert "No overload variant" in messages[2]


def test_overloads_name_the_tasks_as_the_table_does() -> None:
    hints = [overload.__annotations__["task"] for overload in get_overloads(ConvBertOnnxPipeline.__init__)]
    literals = {get_args(hint) for hint in hints if get_origin(hint) is Literal}
    # A task without an overload gives Any.
    assert literals <= {(task.name, *task.short_names) for task in TASKS} | {(name,) for name in SECOND_USES}
    assert len(literals) >= 7


def test_results_are_importable_from_the_runtime() -> None:
    assert all(getattr(runtime, name) for name in runtime.__all__)
    assert runtime.__all__ == sorted(runtime.__all__)
