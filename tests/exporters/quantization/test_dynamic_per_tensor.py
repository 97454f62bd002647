from pathlib import Path

import onnx
from golden import Exported
from quantized_files import operators_run, outputs_of, similarity

from convbert_onnx.exporters import quantize


def test_portable_int8_has_standard_operators_that_onnxruntime_fuses(exported: Exported, tmp_path: Path) -> None:
    original, output = exported(target="portable"), tmp_path / "int8.onnx"
    record = quantize(original, output)
    assert (record.precision, record.target, record.operators) == ("int8", "portable", {})
    assert output.stat().st_size < original.stat().st_size
    onnx.checker.check_model(onnx.load(output), full_check=True)
    kinds = operators_run(output, tmp_path)
    assert kinds["DynamicQuantizeMatMul"] + kinds["MatMulIntegerToFloat"] >= 3 * 4
    assert kinds["MatMulInteger"] == 0
    assert similarity(outputs_of(original), outputs_of(output)) > 0.9
