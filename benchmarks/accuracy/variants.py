"""The forms of a trained model that are compared, each written by one small function."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import onnx_ir as ir

from benchmarks.accuracy.data import TASKS
from benchmarks.files import optimum_cli
from convbert_onnx.bundle import CalibrationMethod
from convbert_onnx.exporters import export, quantize
from convbert_onnx.exporters.initializers import initializer, numbers_of
from convbert_onnx.exporters.quantization.weight_int8 import matrix_in_panels

__all__ = ["FORMS", "FP32"]

FP32 = "fp32"
"""The form that the others are compared with."""

Make = Callable[[str, Path, Path], None]


def _export(target: str) -> Make:
    def make(task: str, folder: Path, output: Path) -> None:
        export(folder / "checkpoint", output, task=task, target=target)  # type: ignore[arg-type]

    return make


def _quantize(source: str = FP32, *, calibrate: bool = False, **options: Any) -> Make:
    def make(task: str, folder: Path, output: Path) -> None:
        if calibrate:
            options["calibration"] = folder / TASKS[task].train
        quantize(folder / f"{source}.onnx", output, **options)

    return make


def _as_with_vnni(task: str, folder: Path, output: Path) -> None:
    """Weights of 8 bits, as unsigned bytes around 128: the products that VNNI computes, exact on any CPU."""
    quantize(folder / f"{FP32}.onnx", output, cpu="vnni")
    model = ir.load(output)
    middle = initializer(model.graph, "weight_zero_point", np.array(128, np.uint8))
    for node in list(model.graph):
        if node.op_type.startswith("MatMulDequantize"):
            _take_apart(model.graph, node, middle)
    ir.save(model, output)


def _take_apart(graph: ir.Graph, node: ir.Node, weight_zero_point: ir.Value) -> None:
    """An operator with a product as a product of unsigned bytes and the operator behind it."""
    rows, panels, *others = node.inputs
    assert panels is not None and panels.const_value is not None and others[2] is not None
    columns = numbers_of(others[2]).size
    weight = (matrix_in_panels(panels.const_value.numpy(), columns).astype(np.int16) + 128).astype(np.uint8)
    attributes = dict(node.attributes)
    zero_point = np.array(attributes.pop("zero_point").as_int(), np.uint8)
    inputs = [
        rows,
        initializer(graph, f"{panels.name}.unsigned", weight),
        initializer(graph, f"{panels.name}.zero_point", zero_point),
        weight_zero_point,
    ]
    product = ir.node("MatMulInteger", inputs)
    name, count = node.op_type.removeprefix("MatMul"), len(node.outputs)
    behind = ir.Node(node.domain, name, [*product.outputs, *others], attributes.values(), num_outputs=count)
    ir.convenience.replace_nodes_and_values(
        graph, node, [node], [product, behind], list(node.outputs), list(behind.outputs)
    )


def _optimum(task: str, folder: Path, output: Path) -> None:
    exported = folder / "optimum-fp32"
    optimum_cli("export", "onnx", "--task", task, "--model", folder / "checkpoint", exported)
    # Without VNNI its own choice for this CPU: weights of 8 bits would overflow.
    optimum_cli("onnxruntime", "quantize", "--onnx_model", exported, "--avx2", "--per_channel", "--output", output)
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        shutil.copy(folder / "checkpoint" / name, output)


FORMS: dict[str, Make] = {
    FP32: _export("cpu"),
    "portable": _export("portable"),
    "int8 (VNNI and ARM)": _as_with_vnni,
    "int8 (AVX2)": _quantize(cpu="avx2"),
    "int8, portable": _quantize("portable", cpu="avx2"),
    **{
        f"int8-static, {method}": _quantize(
            calibrate=True, cpu="avx2", precision="int8-static", calibration_method=method
        )
        for method in get_args(CalibrationMethod)
    },
    "int8-weights": _quantize(precision="int8-weights"),
    "int4-weights": _quantize(precision="int4-weights"),
    "optimum int8": _optimum,
}
"""Every form by its name, after those that it is made of."""
