from pathlib import Path

import numpy as np
import onnx
import pytest
from golden import CHECKPOINTS, TASKS, Exported
from hypothesis import given
from hypothesis import strategies as st
from quantized_files import CALIBRATION, operators_run, outputs_of, similarity

from convbert_onnx.bundle import Activations, Cpu, Target
from convbert_onnx.exporters import QuantizationOptions, calibrate, export, quantize
from convbert_onnx.exporters.quantization.static_qdq import activation_parameters


@pytest.mark.parametrize(("task", "target"), [*((task, "cpu") for task in TASKS), ("question-answering", "portable")])
def test_int8_static_is_written_for_every_task(exported: Exported, task: str, target: Target, tmp_path: Path) -> None:
    output = tmp_path / "static.onnx"
    record = quantize(
        exported(task=task, target=target),
        output,
        precision="int8-static",
        options=QuantizationOptions(calibration=CALIBRATION[task]),
    )
    assert (record.precision, record.target) == ("int8-static", target)
    assert record.cpu is not None
    assert record.comparison is not None
    assert 0 < record.comparison.mean_difference < record.comparison.worst_difference
    onnx.checker.check_model(onnx.load(output), full_check=True)
    kinds = operators_run(output, tmp_path)
    assert kinds["MatMulIntegerToFloat"] >= 3 * 4
    assert kinds["DequantizeLinear"] == 0


@pytest.mark.cpu
@pytest.mark.parametrize("target", ["cpu", "portable"])
def test_int8_static_outputs_stay_close_to_fp32(exported: Exported, target: Target, cpu: Cpu, tmp_path: Path) -> None:
    output = tmp_path / "static.onnx"
    quantize(
        exported(target=target),
        output,
        precision="int8-static",
        options=QuantizationOptions(calibration=CALIBRATION["question-answering"], cpu=cpu),
    )
    right = outputs_of(exported(target=target))
    assert similarity(right, outputs_of(output)) > 0.9
    wrong = dict.fromkeys(calibrate(exported(target=target), CALIBRATION["question-answering"]), (-0.01, 0.01))
    quantize(
        exported(target=target),
        output,
        precision="int8-static",
        options=QuantizationOptions(calibration=wrong, cpu=cpu),
    )
    assert similarity(right, outputs_of(output)) < 0.8


@pytest.mark.cpu
@pytest.mark.parametrize("activations", ["unsigned", "signed"])
def test_one_calibration_serves_unsigned_and_signed_activations(
    exported: Exported, activations: Activations, cpu: Cpu, tmp_path: Path
) -> None:
    original, output = exported(target="portable"), tmp_path / "static.onnx"
    ranges = calibrate(original, CALIBRATION["question-answering"], "min-max")
    quantize(
        original,
        output,
        precision="int8-static",
        options=QuantizationOptions(calibration=ranges, activations=activations, cpu=cpu),
    )
    assert similarity(outputs_of(original), outputs_of(output)) > 0.9
    graph = onnx.load(output).graph
    numbers = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    points = [numbers[node.input[2]] for node in graph.node if node.op_type == "QuantizeLinear"]
    assert {point.dtype.name for point in points} == {{"unsigned": "uint8", "signed": "int8"}[activations]}
    assert all(point == 0 for point in points) == (activations == "signed")


def test_export_passes_calibration_on(exported: Exported, tmp_path: Path) -> None:
    checkpoint, data = CHECKPOINTS / "plain-question-answering", CALIBRATION["question-answering"]
    record = export(
        checkpoint,
        tmp_path / "static.onnx",
        precision="int8-static",
        quantization=QuantizationOptions(calibration=data),
    )
    assert record.precision == "int8-static"
    quantize(
        exported(), tmp_path / "again.onnx", precision="int8-static", options=QuantizationOptions(calibration=data)
    )
    one, other = (outputs_of(tmp_path / name) for name in ("static.onnx", "again.onnx"))
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])


@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e3), st.floats(0, 1))
def test_activation_parameters_round_to_half_a_step_and_keep_zero(low: float, width: float, place: float) -> None:
    number = low + place * width
    for activations, (least, most) in {"unsigned": (0, 255), "signed": (-127, 127)}.items():
        scale, zero = activation_parameters(low, low + width, activations)  # type: ignore[arg-type]
        stored = np.clip(np.rint(number / scale) + zero, least, most)
        assert abs((stored - zero) * scale - number) <= 1.01 * scale
        assert zero == (0 if activations == "signed" else np.clip(zero, 0, 255))
