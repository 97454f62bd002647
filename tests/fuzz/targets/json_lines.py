"""JSON Lines with pipeline calls, or arbitrary bytes. The first line of an input is the task."""

import json
from random import Random

from convbert_onnx.runtime.json_lines.answer_lines import answer_lines

from ..mutate import mutate_bytes, mutate_json_bytes
from ..pipelines import PIPELINES, pipeline_for
from ..seed_models import CALLS
from . import Target, check_result
from .arguments import NAMES

_CALLS = {**CALLS, "zero-shot-classification": {"sequences": "Dust falls.", "candidate_labels": ["rain", "sport"]}}


def run(data: bytes) -> None:
    name, *lines = data.split(b"\n")
    task = name.decode(errors="replace")
    if task not in PIPELINES:
        return
    answers = list(answer_lines(pipeline_for(task), [line + b"\n" for line in lines]))
    written = sum(1 for line in lines if line.removeprefix(b"\xef\xbb\xbf").strip())
    assert written <= len(answers) <= len(lines), f"{len(answers)} answers for {written} of {len(lines)} lines"
    for answer in answers:
        check_result(answer)
        assert ("error" in answer) != ("result" in answer)
        assert "error" not in answer or answer["error"], "an error without a message"
    numbers = [answer["line"] for answer in answers if "error" in answer]
    assert numbers == sorted(numbers)


def mutate(data: bytes, random: Random) -> bytes:
    lines = data.split(b"\n")
    index = random.randrange(len(lines))
    if index == 0:
        lines[0] = random.choice(PIPELINES).encode()
    elif random.random() < 0.1:
        lines.insert(index, random.choice((b"", b" ", b"\r", b"\xef\xbb\xbf", *lines[1:])))
    elif random.random() < 0.2:
        lines[index] = mutate_bytes(lines[index], random)
    else:
        lines[index] = mutate_json_bytes(lines[index], random, (*NAMES, "id"))
    return b"\n".join(lines[:12])


def seeds() -> list[bytes]:
    return [
        b"\n".join((task.encode(), json.dumps({"id": 1, **call}).encode(), json.dumps(call).encode()))
        for task, call in _CALLS.items()
    ]


TARGET = Target(run, mutate, seeds)
