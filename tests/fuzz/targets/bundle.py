"""Whole ONNX files, loaded and run. An input is a list of changes to a seed model, as JSON.

``{"base": "fill-mask-cpu-int8", "options": {"native": false}, "changes": [...]}`` where a change is one of:

- ``{"at": [[7, 0], [1, 3]], "fields": [[number, kind, hex], ...]}``: replace the field at a path
- ``{"entry": "config.json", "at": ["id2label", "0"], "value": 5}``: set a value in a metadata entry with JSON
- ``{"from": 0.5, "remove": 3, "insert": "00ff"}``: replace bytes at a fraction of the file's length
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

from ..mutate import mutate_bytes, mutate_json, parse_json, random_path, value_at
from ..seed_models import CALLS, CHECKPOINTS, seed_model_names, seed_model_path
from ..wire_format import WireField, parse, random_field_path, random_replacement, replace_field
from . import Target, allow_documented_errors, check_result

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
    plan = parse_json(data)
    if plan is None:
        return
    task = next(task for task in CALLS if plan["base"].startswith(task))
    options = dict(plan.get("options", {}))
    _PATH.write_bytes(apply_changes(_base(plan["base"]), plan["changes"]))
    for name in ("config.json", "tokenizer.json"):  # used by files without metadata
        if not (_PATH.parent / name).exists():
            copy(CHECKPOINTS / "plain-question-answering" / name, _PATH.parent)
    with allow_documented_errors():
        if options.pop("inspect", False):
            to_json(inspect(_PATH))
        check_result(ConvBertOnnxPipeline(_PATH, threads=1, **options)(**CALLS[task]))


@cache
def _base(name: str) -> bytes:
    return seed_model_path(name).read_bytes()


def apply_changes(data: bytes, changes: list[dict[str, Any]]) -> bytes:
    """Apply changes in order, skipping those whose path no longer exists."""
    for change in changes:
        if "fields" in change:
            fields = [WireField(number, kind, bytes.fromhex(content)) for number, kind, content in change["fields"]]
            data = replace_field(data, [(number, nth) for number, nth in change["at"]], fields)
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
            value_at(content, path[:-1])[path[-1]] = value
        else:
            content = value
    except (ValueError, LookupError, TypeError, RecursionError):  # damaged by earlier changes
        return data
    text = value if isinstance(value, str) and not path else json.dumps(content)
    step = (_METADATA, list(entries).index(key))
    return replace_field(data, [step, (_VALUE, 0)], text.encode("utf-8", "surrogatepass"))


def mutate(data: bytes, random: Random) -> bytes:
    plan = json.loads(data)
    match random.randrange(10):
        case 0 if plan["changes"]:
            del plan["changes"][random.randrange(len(plan["changes"]))]
        case 1:
            name = random.choice(list(_OPTIONS))
            plan.setdefault("options", {})[name] = random.choice(_OPTIONS[name])
        case 2:
            plan["base"] = random.choice(seed_model_names())
        case _:
            plan["changes"].append(_change(apply_changes(_base(plan["base"]), plan["changes"]), random))
    return json.dumps(plan).encode()


def _change(data: bytes, random: Random) -> dict[str, Any]:
    entries = _entries(data)
    match random.randrange(4):
        case 0 | 1 if steps := random_field_path(data, random):
            fields = [
                (number, kind, content.hex()) for number, kind, content in random_replacement(data, steps, random)
            ]
            return {"at": steps, "fields": fields}
        case 2 if entries:
            key = random.choice(list(entries))
            try:
                value = json.loads(entries[key])
                path = random_path(value, random)
                part = mutate_json(value_at(value, path), random)
            except (ValueError, RecursionError):
                path, part = [], mutate_bytes(entries[key], random).decode(errors="replace")
            return {"entry": key.decode(errors="replace").removeprefix("convbert_onnx."), "at": path, "value": part}
    insert = random.choice((b"", b"\0", b"\xff", random.randbytes(4), b"\n\xff\xff\xff\xff\x0f")).hex()
    return {"from": random.random(), "remove": random.choice((0, 1, 4, 1000, 10**9)), "insert": insert}


def seeds() -> list[bytes]:
    return [json.dumps({"base": name, "options": {}, "changes": []}).encode() for name in seed_model_names()]


TARGET = Target(run, mutate, seeds)
