from collections import Counter
from pathlib import Path
from typing import Any

import onnx
import pytest
from golden import QUESTION, Exported
from quantized_files import LABELLED

from convbert_onnx import ConvBertOnnxPipeline
from convbert_onnx.errors import QualityError
from convbert_onnx.exporters import QuantizationOptions, quantize
from convbert_onnx.exporters.quantization import compare, mixed_precision
from convbert_onnx.exporters.quantization.compare import Reference
from convbert_onnx.exporters.quantization.mixed_precision import sensitive_layers
from convbert_onnx.exporters.quantization.plan import Plan
from convbert_onnx.precisions import PRECISIONS
from convbert_onnx.runtime.evaluation import predictions


def test_a_larger_drop_is_refused_and_names_the_most_sensitive_layers(exported: Exported, tmp_path: Path) -> None:
    data = LABELLED["text-classification"]
    original = exported(task="text-classification")
    with pytest.raises(
        QualityError, match=r"int8 lowers accuracy on polarity.tsv from 0.* more than -1; nothing was wri"
    ):
        quantize(original, tmp_path / "int8.onnx", options=QuantizationOptions(data=data, max_drop=-1))
    with pytest.raises(QualityError, match=r"The most sensitive layers are \d, \d, \d: pass auto_mixed=True to keep"):
        quantize(original, tmp_path / "int8.onnx", options=QuantizationOptions(data=data, max_drop=-1))
    with pytest.raises(QualityError, match="even with all layers in float: pass a higher max_drop="):
        quantize(original, tmp_path / "int8.onnx", options=QuantizationOptions(data=data, max_drop=-1, auto_mixed=True))
    assert list(tmp_path.iterdir()) == []


def test_auto_mixed_keeps_sensitive_layers_in_float_until_the_metric_holds(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drops = iter([0.2, 0.1, 0.004])
    monkeypatch.setattr(mixed_precision, "_drop", lambda comparison: next(drops))
    data = LABELLED["question-answering"]
    original = exported()
    record = quantize(
        original, tmp_path / "mixed.onnx", options=QuantizationOptions(cpu="vnni", data=data, auto_mixed=True)
    )
    monkeypatch.undo()
    assert len(record.layers_in_float) == 2
    assert list(record.layers_in_float) == sorted(record.layers_in_float)
    nodes = Counter(node.op_type for node in onnx.load(tmp_path / "mixed.onnx").graph.node)
    assert (nodes["BiasSplit"], nodes["MatMulDequantizeBiasSplit"]) == (2, 1)
    quantize(original, tmp_path / "int8.onnx", options=QuantizationOptions(cpu="vnni"))
    reference = Reference(original)
    costs = [reference.mean_difference(tmp_path / name) for name in ("mixed.onnx", "int8.onnx")]
    assert 0 < costs[0] < costs[1]
    assert ConvBertOnnxPipeline(tmp_path / "mixed.onnx")(**QUESTION)["answer"]


def test_auto_mixed_opens_and_runs_the_fp32_original_once(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    runs: Counter[str] = Counter()
    data = LABELLED["question-answering"]
    original_init, original_run = ConvBertOnnxPipeline.__init__, ConvBertOnnxPipeline.raw_outputs_many

    def init(pipe: ConvBertOnnxPipeline, path: Path, *args: Any, **options: Any) -> None:
        opened.append(Path(path).name)
        original_init(pipe, path, *args, **options)

    def raw_outputs_many(pipe: ConvBertOnnxPipeline, *args: Any, **options: Any) -> Any:
        runs[f"outputs of {Path(pipe.info['file']).name}"] += 1
        return original_run(pipe, *args, **options)

    def predict(pipe: ConvBertOnnxPipeline, examples: Any) -> Any:
        runs[f"predictions of {Path(pipe.info['file']).name}"] += 1
        return predictions.predict(pipe, examples)

    monkeypatch.setattr(ConvBertOnnxPipeline, "__init__", init)
    monkeypatch.setattr(ConvBertOnnxPipeline, "raw_outputs_many", raw_outputs_many)
    monkeypatch.setattr(compare, "predict", predict)
    drops = iter([1.0, 1.0, 1.0, 0.0])
    monkeypatch.setattr(mixed_precision, "_drop", lambda comparison: next(drops))
    options = QuantizationOptions(data=data, auto_mixed=True, calibration=data)
    record = quantize(exported(), tmp_path / "mixed.onnx", precision="int8-static", options=options)
    assert len(record.layers_in_float) == 3
    fp32, candidates = exported().name, "mixed.onnx"
    # Four candidates, and one per layer to find the sensitive ones.
    assert Counter(opened) == {fp32: 1, candidates: 4 + 3}
    assert runs == {
        f"outputs of {fp32}": 1,
        f"predictions of {fp32}": 1,
        f"outputs of {candidates}": 4 + 3,
        f"predictions of {candidates}": 4,
    }


def test_sensitive_layers_are_ordered_by_their_own_difference(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[frozenset[int]] = []
    monkeypatch.setattr(
        mixed_precision, "write_quantized", lambda file, output, plan: written.append(plan.float_layers)
    )
    reference = Reference(exported())
    differences = iter([0.1, 0.3, 0.2])
    monkeypatch.setattr(reference, "mean_difference", lambda file: next(differences))
    plan = Plan(PRECISIONS["int8"], "cpu", reference.pipe.config, "vnni", "unsigned")
    assert sensitive_layers(reference, tmp_path / "candidate.onnx", plan) == [1, 2, 0]
    assert written == [{1, 2}, {0, 2}, {0, 1}]
