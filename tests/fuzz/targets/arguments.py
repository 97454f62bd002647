"""Pipeline calls with arbitrary arguments. An input is ``[task, positional, keywords]`` as JSON.

Strings that begin with ``$`` stand for values that JSON cannot represent.
"""

import json
from collections.abc import Callable
from dataclasses import fields
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from convbert_onnx.runtime.pipelines.base import pipeline_class
from convbert_onnx.tasks import SECOND_USES, TASKS

from ..mutate import mutate_json, parse_json
from ..pipelines import PIPELINES, pipeline_for
from ..seed_models import CALLS
from . import Target, allow_documented_errors, check_result

_PIPELINES = [pipeline_class(name) for name in (*(task.name for task in TASKS), *SECOND_USES)]

NAMES = tuple(
    sorted(
        {
            "batch_size",
            "text",
            "text_pair",
            "padding",
            "return_all_scores",
            "tokenizer_kwargs",
            "max_length",
            "add_special_tokens",
        }
        | {name for pipeline in _PIPELINES for name in pipeline.arguments}
        | {field.name for pipeline in _PIPELINES for field in fields(pipeline.parameters)}
    )
)

_VALUES: dict[str, Callable[[], Any]] = {
    "$nan": lambda: float("nan"),
    "$bytes": lambda: b"The dust \xff",
    "$tuple": lambda: ("The dust falls.", "It falls."),
    "$set": lambda: {"a", "b"},
    "$iterator": lambda: iter(["The dust falls.", 5, None]),
    "$range": lambda: range(3),
    "$array": lambda: np.array(["a", "b"]),
    "$int64": lambda: np.int64(3),
    "$float32": lambda: np.float32(0.5),
    "$object": object,
    "$type": lambda: str,
    "$path": lambda: Path("text"),
    "$complex": lambda: 1j,
    "$function": lambda: len,
    "$ellipsis": lambda: ...,
    "$bool": lambda: np.bool_(True),
    "$str": lambda: np.str_("The [MASK] falls."),
    "$keys": lambda: {1: "a", None: "b", ("c",): 2},
    "$deep": lambda: _nested(5000),
}


def run(data: bytes) -> None:
    call = parse_json(data)
    if not (isinstance(call, list) and len(call) == 3 and call[0] in PIPELINES):
        return
    task, positional, keywords = call
    if not isinstance(positional, list) or not isinstance(keywords, dict):
        return
    try:
        positional, keywords = _python(positional), _python(keywords)
    except RecursionError:  # json.loads allows deeper nesting
        return
    with allow_documented_errors():
        result = pipeline_for(task)(*positional, **keywords)
        # For an iterator of inputs, the result is an iterator too.
        check_result(result if isinstance(result, list | dict | np.ndarray | float) else list(islice(result, 20)))


def _python(value: Any) -> Any:
    match value:
        case list():
            return [_python(part) for part in value]
        case dict():
            return {name: _python(part) for name, part in value.items()}
        case str() if value in _VALUES:
            return _VALUES[value]()
    return value


def _nested(depth: int) -> list[Any]:
    nested: list[Any] = []
    for _ in range(depth):
        nested = [nested]
    return nested


def mutate(data: bytes, random: Random) -> bytes:
    call = json.loads(data)
    index = random.choice((1, 2, 2, 2, 2))
    match random.randrange(8):
        case 0:
            call[0] = random.choice(PIPELINES)
        case 1 | 2 if isinstance(call[2], dict):
            call[2][random.choice(NAMES)] = random.choice((*_VALUES, True, 1, -1, "simple", None, [], {}, 0.5, "first"))
        case _:
            call[index] = mutate_json(call[index], random, (*NAMES, *_VALUES))
    return json.dumps(call).encode()


def seeds() -> list[bytes]:
    calls: list[Any] = [[task, [], call] for task, call in CALLS.items()]
    calls += [[task, [next(iter(call.values()))], {}] for task, call in CALLS.items()]
    calls += [
        ["zero-shot-classification", ["Dust falls."], {"candidate_labels": ["rain", "sport"], "multi_label": True}],
        ["zero-shot-classification", ["Dust falls.", "rain, sport"], {"hypothesis_template": "It is {}."}],
        [
            "question-answering",
            [{"question": "Who?", "context": "Dust."}],
            {"top_k": 3, "doc_stride": 2, "max_seq_len": 20},
        ],
        ["token-classification", [["Dust", "falls"]], {"is_split_into_words": True, "stride": 2, "delimiter": " "}],
        [
            "token-classification",
            ["$iterator"],
            {"aggregation_strategy": "max", "ignore_labels": ["O"], "batch_size": 2},
        ],
        ["fill-mask", [["Dust [MASK]."]], {"targets": ["dust"], "tokenizer_kwargs": {"truncation": True}}],
        ["feature-extraction", [["Dust."]], {"pooling": "mean", "return_tensors": True, "tokenize_kwargs": {}}],
        ["text-classification", [[{"text": "a", "text_pair": "b"}]], {"top_k": None, "function_to_apply": "softmax"}],
    ]
    return [json.dumps(call).encode() for call in calls]


TARGET = Target(run, mutate, seeds)
