"""quantize(): what it writes, and what it refuses."""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from click.testing import CliRunner
from golden import CHECKPOINTS, QUESTION, TASKS, Exported
from quantized_files import LABELLED, with_metadata

from convbert_onnx import ConvBertOnnxPipeline
from convbert_onnx.bundle import Comparison, Cpu
from convbert_onnx.cli import main
from convbert_onnx.errors import BundleError, ExportError, InputError
from convbert_onnx.exporters import QuantizationOptions, export, quantize
from convbert_onnx.runtime import evaluate, inspect

pytestmark = pytest.mark.usefixtures("small_tables")


@pytest.mark.parametrize("task", TASKS)
def test_quantize_writes_and_compares_every_task(
    exported: Exported, task: str, architecture: str, tmp_path: Path
) -> None:
    original = exported(architecture, task=task)
    record = quantize(original, tmp_path / "int8.onnx", options=QuantizationOptions(cpu="vnni"))
    assert (record.precision, record.cpu) == ("int8", "vnni")
    assert isinstance(record.comparison, Comparison)
    assert record.comparison.texts > 10
    assert 0 < record.comparison.mean_difference < record.comparison.worst_difference
    graph = onnx.load(tmp_path / "int8.onnx")
    onnx.checker.check_model(graph, full_check=True)
    operators = {node.op_type for node in graph.graph.node}
    assert {"MatMulDequantizeBiasSplit", "MatMulDequantizeBiasMul", "MatMulDequantizeAddLayerNorm"} <= operators
    grouped = {"GroupedMatMulDequantizeBiasGelu", "GroupedMatMulDequantizeAddLayerNorm"}
    assert operators & grouped == (grouped if architecture == "grouped" else set())
    assert "DequantizeBiasGelu" not in operators
    assert (tmp_path / "int8.onnx").stat().st_size < original.stat().st_size


@pytest.mark.cpu
def test_int8_outputs_stay_close_to_fp32(exported: Exported, architecture: str, quantized: Path) -> None:
    """The toy's weights are random, so small differences can change its answers; outputs are compared instead."""
    context = " ".join(reversed(QUESTION["context"].split()))
    original = ConvBertOnnxPipeline(exported(architecture))
    ((right,), (elsewhere,)) = original.raw_outputs_many([QUESTION, QUESTION | {"context": context}])
    ((ours,),) = ConvBertOnnxPipeline(quantized).raw_outputs_many([QUESTION])
    for name in right:
        assert np.corrcoef(right[name], ours[name])[0, 1] > 0.9
        assert np.corrcoef(right[name], elsewhere[name])[0, 1] < 0.8


def test_export_in_int8_equals_export_then_quantize(
    quantized: Path, architecture: str, cpu: Cpu, tmp_path: Path
) -> None:
    record = export(
        CHECKPOINTS / f"{architecture}-question-answering",
        tmp_path / "exported.onnx",
        precision="int8",
        quantization=QuantizationOptions(cpu=cpu),
    )
    assert record.worst_difference is not None
    ((one,),) = ConvBertOnnxPipeline(tmp_path / "exported.onnx").raw_outputs_many([QUESTION])
    ((other,),) = ConvBertOnnxPipeline(quantized).raw_outputs_many([QUESTION])
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])
    assert {file.name for file in tmp_path.iterdir()} == {"int8.onnx", "exported.onnx"}


def test_quantize_refuses_unsuitable_files_and_options(exported: Exported, quantized: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.onnx"
    with pytest.raises(BundleError, match='has precision int8: quantize an export with precision="fp32"'):
        quantize(quantized, output)
    with pytest.raises(InputError, match="cpu must be one of auto, vnni, avx2, arm64, not 'z80'"):
        quantize(exported(), output, options=QuantizationOptions(cpu="z80"))  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"precision must be one of int8, int8-static, int8-weights, .*, not 'fp8'"):
        quantize(exported(), output, precision="fp8")  # type: ignore[arg-type]
    with pytest.raises(ExportError, match='int8-weights is for target="cpu"'):
        export(CHECKPOINTS / "plain-question-answering", output, precision="int8-weights", target="portable")
    with pytest.raises(BundleError, match=r"int4-weights needs an operator of onnxruntime's: .* with target=\"cpu\""):
        quantize(exported(target="portable"), output, precision="int4-weights")
    with pytest.raises(InputError, match=r"int8-static needs calibration=\.\.\. with text"):
        quantize(exported(), output, precision="int8-static")
    model = onnx.load(exported())
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "foreign.onnx")
    with pytest.raises(BundleError, match="was not exported by convbert-onnx"):
        quantize(tmp_path / "foreign.onnx", output)
    assert not output.exists()


@pytest.mark.cpu
@pytest.mark.parametrize("task", LABELLED)
def test_comparison_has_the_metrics_that_evaluate_computes(
    exported: Exported, task: str, cpu: Cpu, tmp_path: Path
) -> None:
    data = LABELLED[task]
    record = quantize(
        exported(task=task), tmp_path / "int8.onnx", options=QuantizationOptions(cpu=cpu, data=data, max_drop=1)
    )
    comparison = record.comparison
    assert comparison is not None
    assert comparison.data == data.name
    for file, metric in ((exported(task=task), comparison.before), (tmp_path / "int8.onnx", comparison.after)):
        result = evaluate(file, data)
        assert result.metrics[str(comparison.metric)] == metric
        assert result.examples == comparison.texts


def test_quantize_reports_two_steps(exported: Exported, tmp_path: Path) -> None:
    steps: list[tuple[str, int, int]] = []
    quantize(exported(), tmp_path / "int8.onnx", progress=lambda *step: steps.append(step))
    assert steps == [("quantizing", 0, 2), ("comparing with fp32", 1, 2), ("comparing with fp32", 2, 2)]


def test_quantize_updates_the_versions_of_tools(exported: Exported, tmp_path: Path) -> None:
    original = with_metadata(exported(), tmp_path / "original.onnx")
    record = quantize(original, tmp_path / "int8.onnx")
    written = inspect(original)["record"]
    assert written is not None
    assert record.tools.keys() == written["tools"].keys()
    assert record.tools["onnxruntime"] == onnxruntime.__version__


def test_the_command_summarizes_the_comparison(exported: Exported, tmp_path: Path) -> None:
    output = tmp_path / "int8.onnx"
    result = CliRunner().invoke(main, ["quantize", str(exported()), "-o", str(output), "--cpu", "vnni"])
    assert result.exit_code == 0, result.output
    assert "cpu, int8 for vnni" in result.stdout
    assert "answers unchanged" in result.stdout
    shown = json.loads(CliRunner().invoke(main, ["inspect", str(output), "--json"]).stdout)
    assert shown["record"]["comparison"]["texts"] > 10
