"""A whole ONNX file, opened and run. An input is a list of changes to one of the exported toys, as JSON.

``{"base": "fill-mask-cpu-int8", "options": {"native": false}, "changes": [...]}`` where a change is one of

- ``{"at": [[7, 0], [1, 3]], "fields": [[number, kind, hex], ...]}``: fields instead of the one at a place
- ``{"entry": "config.json", "at": ["id2label", "0"], "value": 5}``: a value in a metadata entry that holds JSON
- ``{"from": 0.5, "remove": 3, "insert": "00ff"}``: bytes at a part of the file's length
"""

import json
from functools import cache
from pathlib import Path
from random import Random
from shutil import copy
from tempfile import TemporaryDirectory
from typing import Any

from convbert_onnx import ConvBertOnnxPipeline
from convbert_onnx.json_text import to_json
from convbert_onnx.runtime import inspect

from ..bases import CALLS, CHECKPOINTS, base_names, base_path
from ..mutate import at, json_or_none, mutate_bytes, mutate_json, random_path
from ..wire import WireField, edited, other_fields, parse, random_steps
from . import Target, check_result, only_our_errors

_METADATA, _KEY, _VALUE = 14, 1, 2
_PREFIX = b"convbert_onnx."
_OPTIONS = {
    "native": (True, False, "auto"),
    "task": ("qa", "fill-mask", "zero-shot-classification"),
    "inspect": (True,),
}
_FOLDER = TemporaryDirectory()
_PATH = Path(_FOLDER.name) / "model.onnx"


def run(data: bytes) -> None:
    plan = json_or_none(data)
    if plan is None:
        return
    task = next(task for task in CALLS if plan["base"].startswith(task))
    options = dict(plan.get("options", {}))
    _PATH.write_bytes(changed(_base(plan["base"]), plan["changes"]))
    for name in ("config.json", "tokenizer.json"):  # what a file without metadata needs
        if not (_PATH.parent / name).exists():
            copy(CHECKPOINTS / "plain-question-answering" / name, _PATH.parent)
    with only_our_errors():
        if options.pop("inspect", False):
            to_json(inspect(_PATH))
        check_result(ConvBertOnnxPipeline(_PATH, threads=1, **options)(**CALLS[task]))


@cache
def _base(name: str) -> bytes:
    return base_path(name).read_bytes()


def changed(data: bytes, changes: list[dict[str, Any]]) -> bytes:
    """A file with changes, one after the other; those that have lost their place are left out."""
    for change in changes:
        if "fields" in change:
            fields = [WireField(number, kind, bytes.fromhex(content)) for number, kind, content in change["fields"]]
            data = edited(data, [(number, nth) for number, nth in change["at"]], fields)
        elif "entry" in change:
            data = _with_entry(data, _PREFIX + change["entry"].encode(), change["at"], change["value"])
        else:
            start = int(change["from"] * len(data))
            data = data[:start] + bytes.fromhex(change["insert"]) + data[start + change["remove"] :]
    return data


def _entries(data: bytes) -> dict[bytes, bytes]:
    entries = [parse(field.content) or [] for field in parse(data) or () if field.number == _METADATA]
    return {
        **{
            entry[0].content: entry[1].content
            for entry in entries
            if [field.number for field in entry] == [_KEY, _VALUE]
        }
    }


def _with_entry(data: bytes, key: bytes, path: list[Any], value: Any) -> bytes:
    entries = _entries(data)
    if key not in entries:
        return data
    try:
        content = json.loads(entries[key])
        if path:
            at(content, path[:-1])[path[-1]] = value
        else:
            content = value
    except (ValueError, LookupError, TypeError, RecursionError):  # earlier changes have damaged it
        return data
    text = value if isinstance(value, str) and not path else json.dumps(content)
    place = (_METADATA, list(entries).index(key))
    return edited(data, [place, (_VALUE, 0)], text.encode("utf-8", "surrogatepass"))


def mutate(data: bytes, random: Random) -> bytes:
    plan = json.loads(data)
    match random.randrange(10):
        case 0 if plan["changes"]:
            del plan["changes"][random.randrange(len(plan["changes"]))]
        case 1:
            name = random.choice(list(_OPTIONS))
            plan.setdefault("options", {})[name] = random.choice(_OPTIONS[name])
        case 2:
            plan["base"] = random.choice(base_names())
        case _:
            plan["changes"].append(_change(changed(_base(plan["base"]), plan["changes"]), random))
    return json.dumps(plan).encode()


def _change(data: bytes, random: Random) -> dict[str, Any]:
    entries = _entries(data)
    match random.randrange(4):
        case 0 | 1 if steps := random_steps(data, random):
            fields = [(number, kind, content.hex()) for number, kind, content in other_fields(data, steps, random)]
            return {"at": steps, "fields": fields}
        case 2 if entries:
            key = random.choice(list(entries))
            try:
                value = json.loads(entries[key])
                path = random_path(value, random)
                part = mutate_json(at(value, path), random)
            except (ValueError, RecursionError):
                path, part = [], mutate_bytes(entries[key], random).decode(errors="replace")
            return {"entry": key.decode(errors="replace").removeprefix("convbert_onnx."), "at": path, "value": part}
    insert = random.choice((b"", b"\0", b"\xff", random.randbytes(4), b"\n\xff\xff\xff\xff\x0f")).hex()
    return {"from": random.random(), "remove": random.choice((0, 1, 4, 1000, 10**9)), "insert": insert}


def seeds() -> list[bytes]:
    return [json.dumps({"base": name, "options": {}, "changes": []}).encode() for name in base_names()]


TARGET = Target(run, mutate, seeds)
