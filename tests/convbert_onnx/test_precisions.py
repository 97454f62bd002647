import inspect
from importlib import import_module
from importlib.util import find_spec
from typing import get_args

import pytest

from convbert_onnx import bundle
from convbert_onnx.precisions import PRECISIONS, Kind, Precision, PrecisionSpec, Quantized, Target

by_row = pytest.mark.parametrize("spec", PRECISIONS.values(), ids=list(PRECISIONS))


def test_the_types_name_the_rows_of_the_table() -> None:
    assert tuple(PRECISIONS) == get_args(Precision)
    assert tuple(name for name, spec in PRECISIONS.items() if spec.kind != "float") == get_args(Quantized)
    assert (bundle.Precision, bundle.Quantized, bundle.Target) == (Precision, Quantized, Target)


@by_row
def test_a_row_is_complete(spec: PrecisionSpec) -> None:
    assert spec.kind in get_args(Kind)
    assert 1 < spec.bits <= 32
    assert spec.targets and set(spec.targets) <= set(get_args(Target))
    assert all((module is None) == (spec.kind == "float") for module in spec.rewriters.values())


@by_row
def test_the_modules_of_a_row_have_a_rewrite_function(spec: PrecisionSpec) -> None:
    for package in ("torch", "onnx", "onnx_ir", "onnxscript"):
        pytest.importorskip(package)
    for name in filter(None, spec.rewriters.values()):
        module = f"convbert_onnx.exporters.quantization.{name}"
        assert find_spec(module) is not None, f"{spec.name} names {module}, which does not exist"
        assert list(inspect.signature(import_module(module).rewrite).parameters) == ["model", "plan", "tables"]


@pytest.mark.parametrize(
    ("name", "int8_activations", "calibration"),
    [
        ("fp32", False, False),
        ("int8", True, False),
        ("int8-static", True, True),
        ("int8-weights", False, False),
        ("int4-weights", False, False),
    ],
)
def test_the_kind_of_a_row_decides_about_activations(name: str, int8_activations: bool, calibration: bool) -> None:
    spec = PRECISIONS[name]
    assert (spec.has_int8_activations, spec.needs_calibration) == (int8_activations, calibration)
