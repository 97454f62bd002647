"""Each target reaches the package: an injected fault is detected, and valid inputs show none."""

import importlib.util
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import pytest
from golden import TASKS, Exported

from .mutate import TEXTS
from .targets import TARGETS, check_result, load_target
from .test_corpus import NEEDS
from .wire_format import message, parse, replace_field, serialize

INJECTION_POINTS = {
    "config": ("convbert_onnx.config", "fields"),
    "protobuf": ("convbert_onnx.runtime.model_files.onnx_parser", "read_varint"),
    "bundle": ("convbert_onnx.runtime.model", "open_session"),
    "tokenizer_files": ("convbert_onnx.runtime.tokenization.tokenizer_json", "clean_settings"),
    "json_lines": ("convbert_onnx.runtime.model", "batches"),
    "arguments": ("convbert_onnx.runtime.model", "batches"),
    "labelled_data": ("convbert_onnx.runtime.evaluation.datasets", "islice"),
    "h5": ("convbert_onnx.models.read_h5", "weights_by_name"),
}
"""For each target, a function that it must reach: the module that calls it, and its name there."""


class InjectedError(BaseException):
    """An error that the package does not catch."""


def inject(*args: Any, **kwargs: Any) -> NoReturn:
    raise InjectedError


@pytest.fixture(autouse=True)
def bundles(exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for task in TASKS:
        (tmp_path / f"{task}-cpu-fp32.onnx").symlink_to(exported(task=task))
    monkeypatch.setenv("FUZZ_BUNDLES", str(tmp_path))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("target", TARGETS)
def test_fault_injected_into_the_package_is_detected(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if missing := [name for name in NEEDS.get(target, ()) if importlib.util.find_spec(name) is None]:
        pytest.skip(f"{', '.join(missing)} is not installed")
    loaded = load_target(target)
    seeds = loaded.seeds()
    for seed in seeds:
        loaded.run(seed)
    module, name = INJECTION_POINTS[target]
    monkeypatch.setattr(import_module(module), name, inject)
    with pytest.raises(InjectedError):
        for seed in seeds:
            loaded.run(seed)


@pytest.mark.parametrize("result", [float("nan"), [{"score": float("inf")}], {1, 2}, b"a"])
def test_results_that_json_cannot_represent_are_faults(result: Any) -> None:
    with pytest.raises((AssertionError, TypeError, ValueError)):
        check_result(result)


def test_protobuf_message_round_trip() -> None:
    inner = message((1, 300), (2, "".join(TEXTS).encode("utf-8", "surrogatepass")))
    outer = message((7, inner), (8, 2**63))
    fields = parse(outer)
    assert fields is not None
    assert serialize(fields) == outer
    assert replace_field(outer, [(7, 0), (1, 0)], []) == message((7, inner[3:]), (8, 2**63))
    assert parse(outer[:-1]) is None
