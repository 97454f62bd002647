"""The variants of a trained model that are compared, and the functions that write them."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import onnx_ir as ir

from benchmarks.accuracy.data import TASKS
from benchmarks.files import optimum_cli
from convbert_onnx.bundle import CalibrationMethod, Quantized
from convbert_onnx.exporters import export, quantize
from convbert_onnx.exporters.initializers import as_array, initializer
from convbert_onnx.exporters.quantization.weight_int8 import unpack_panels
from convbert_onnx.quantization_options import QuantizationOptions

__all__ = ["FP32", "VARIANTS"]

FP32 = "fp32"
"""The variant that the others are compared with."""

Writer = Callable[[str, Path, Path], None]


def _export(target: str) -> Writer:
    def write(task: str, folder: Path, output: Path) -> None:
        export(folder / "checkpoint", output, task=task, target=target)  # type: ignore[arg-type]

    return write


def _quantize(
    source: str = FP32,
    precision: Quantized = "int8",
    options: QuantizationOptions = QuantizationOptions(),
    *,
    calibrate: bool = False,
) -> Writer:
    def write(task: str, folder: Path, output: Path) -> None:
        chosen = replace(options, calibration=folder / TASKS[task].train) if calibrate else options
        quantize(folder / f"{source}.onnx", output, precision=precision, options=chosen)

    return write


def _emulated_vnni(task: str, folder: Path, output: Path) -> None:
    """8-bit weights as uint8 with zero point 128: the exact matmul that VNNI computes, on any CPU."""
    quantize(folder / f"{FP32}.onnx", output, options=QuantizationOptions(cpu="vnni"))
    model = ir.load(output)
    zero_point = initializer(model.graph, "weight_zero_point", np.array(128, np.uint8))
    for node in list(model.graph):
        if node.op_type.startswith("MatMulDequantize"):
            _split_operator(model.graph, node, zero_point)
    ir.save(model, output)


def _split_operator(graph: ir.Graph, node: ir.Node, weight_zero_point: ir.Value) -> None:
    """Replace an operator that contains a matmul by MatMulInteger with uint8 weights and the rest of the operator."""
    rows, panels, *others = node.inputs
    assert panels is not None and panels.const_value is not None and others[2] is not None
    columns = as_array(others[2]).size
    weight = (unpack_panels(panels.const_value.numpy(), columns).astype(np.int16) + 128).astype(np.uint8)
    attributes = dict(node.attributes)
    zero_point = np.array(attributes.pop("zero_point").as_int(), np.uint8)
    inputs = [
        rows,
        initializer(graph, f"{panels.name}.unsigned", weight),
        initializer(graph, f"{panels.name}.zero_point", zero_point),
        weight_zero_point,
    ]
    matmul = ir.node("MatMulInteger", inputs)
    name, count = node.op_type.removeprefix("MatMul"), len(node.outputs)
    epilogue = ir.Node(node.domain, name, [*matmul.outputs, *others], attributes.values(), num_outputs=count)
    ir.convenience.replace_nodes_and_values(
        graph, node, [node], [matmul, epilogue], list(node.outputs), list(epilogue.outputs)
    )


def _optimum(task: str, folder: Path, output: Path) -> None:
    exported = folder / "optimum-fp32"
    optimum_cli("export", "onnx", "--task", task, "--model", folder / "checkpoint", exported)
    # optimum's setting for CPUs without VNNI, where sums of 8-bit weights would saturate.
    optimum_cli("onnxruntime", "quantize", "--onnx_model", exported, "--avx2", "--per_channel", "--output", output)
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        shutil.copy(folder / "checkpoint" / name, output)


VARIANTS: dict[str, Writer] = {
    FP32: _export("cpu"),
    "portable": _export("portable"),
    "int8 (VNNI and ARM)": _emulated_vnni,
    "int8 (AVX2)": _quantize(options=QuantizationOptions(cpu="avx2")),
    "int8, portable": _quantize("portable", options=QuantizationOptions(cpu="avx2")),
    **{
        f"int8-static, {method}": _quantize(
            precision="int8-static",
            options=QuantizationOptions(cpu="avx2", calibration_method=method),
            calibrate=True,
        )
        for method in get_args(CalibrationMethod)
    },
    "int8-weights": _quantize(precision="int8-weights"),
    "int4-weights": _quantize(precision="int4-weights"),
    "optimum int8": _optimum,
}
"""Writers of the variants by name; a variant follows the one it is made from."""
