from pathlib import Path

import onnx
import pytest
from golden import Exported
from quantized_files import CALIBRATION

from convbert_onnx.bundle import Bundle, Target
from convbert_onnx.exporters import calibrate
from convbert_onnx.exporters.quantization.plan import Plan
from convbert_onnx.exporters.quantization.write import write_quantized
from convbert_onnx.precisions import PRECISIONS

OPERATORS = {
    ("int8", "cpu"): "MatMulDequantizeBiasSplit",
    ("int8", "portable"): "DynamicQuantizeLinear",
    ("int8-static", "cpu"): "QuantizeLinear",
    ("int8-static", "portable"): "QuantizeLinear",
    ("int8-weights", "cpu"): "MatMulNBits",
    ("int4-weights", "cpu"): "MatMulNBits",
}


@pytest.mark.parametrize(
    ("precision", "target"),
    [(name, target) for name, spec in PRECISIONS.items() if spec.kind != "float" for target in spec.targets],
)
def test_write_quantized_uses_the_rewriter_of_the_precision(
    exported: Exported, tmp_path: Path, precision: str, target: Target
) -> None:
    original, output = exported(target=target), tmp_path / "quantized.onnx"
    bundle = Bundle.from_metadata({entry.key: entry.value for entry in onnx.load(original).metadata_props})
    assert bundle is not None
    spec = PRECISIONS[precision]
    ranges = calibrate(original, CALIBRATION["question-answering"], "min-max") if spec.needs_calibration else None
    plan = Plan(spec, target, bundle.config, "vnni", "unsigned", ranges, frozenset({0}))
    graph = write_quantized(original, output, plan)
    written = onnx.load(output)
    onnx.checker.check_model(written, full_check=True)
    assert not written.metadata_props
    operators = [node.op_type for node in written.graph.node]
    assert operators == [node.op_type for node in graph.graph]
    assert OPERATORS[precision, target] in operators
    ours = {node.op_type for node in written.graph.node if node.domain == "convbert_onnx"}
    assert ours <= {function.name for function in written.functions}
    # Layer 0 stays in float.
    assert sum(node.op_type == "MatMul" for node in written.graph.node if node.domain == "") >= 4
