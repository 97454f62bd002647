"""Calibration, files with calibrated scales, and files with products of bytes in standard operators."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from click.testing import CliRunner
from golden import CHECKPOINTS, QUESTION, TASKS, Exported
from hypothesis import given
from hypothesis import strategies as st

from convbert_onnx import ConvBertOnnxPipeline
from convbert_onnx.bundle import Activations, CalibrationMethod, Cpu, Target
from convbert_onnx.cli import main
from convbert_onnx.errors import BundleError, FileMissingError, InputError
from convbert_onnx.exporters import QuantizationOptions, calibrate, export, quantize
from convbert_onnx.exporters.quantization.static_qdq import activation_parameters

ROOT = Path(__file__).parents[3]
LABELLED = ROOT / "tests" / "data" / "labelled"
TEXT = ROOT / "tests" / "data" / "paragraph.txt"
DATA = {
    "question-answering": LABELLED / "squad-1.1.json",
    "text-classification": LABELLED / "polarity.tsv",
    "token-classification": LABELLED / "wikigold.conll",
    "multiple-choice": LABELLED / "codah.jsonl",
    "fill-mask": TEXT,
    "feature-extraction": TEXT,
}


def logits(file: Path) -> dict[str, Any]:
    ((outputs,),) = ConvBertOnnxPipeline(file).raw_outputs_many([QUESTION])
    return dict(outputs)


def likeness(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    return min(float(np.corrcoef(one[name], other[name])[0, 1]) for name in one)


def optimized(file: Path, folder: Path) -> Counter[str]:
    """The operators that onnxruntime runs."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(folder / "optimized.onnx")
    onnxruntime.InferenceSession(str(file), options)
    return Counter(node.op_type for node in onnx.load(folder / "optimized.onnx").graph.node)


@pytest.mark.parametrize(("task", "target"), [*((task, "cpu") for task in TASKS), ("question-answering", "portable")])
def test_every_task_takes_calibrated_scales(exported: Exported, task: str, target: Target, tmp_path: Path) -> None:
    output = tmp_path / "static.onnx"
    record = quantize(
        exported(task=task, target=target),
        output,
        precision="int8-static",
        options=QuantizationOptions(calibration=DATA[task]),
    )
    assert (record.precision, record.target) == ("int8-static", target)
    assert record.cpu is not None
    assert record.comparison is not None
    assert 0 < record.comparison.mean_difference < record.comparison.worst_difference
    onnx.checker.check_model(onnx.load(output), full_check=True)
    kinds = optimized(output, tmp_path)
    assert kinds["MatMulIntegerToFloat"] >= 3 * 4
    assert kinds["DequantizeLinear"] == 0


@pytest.mark.cpu
@pytest.mark.parametrize("target", ["cpu", "portable"])
def test_calibrated_files_still_answer(exported: Exported, target: Target, cpu: Cpu, tmp_path: Path) -> None:
    output = tmp_path / "static.onnx"
    quantize(
        exported(target=target),
        output,
        precision="int8-static",
        options=QuantizationOptions(calibration=DATA["question-answering"], cpu=cpu),
    )
    right = logits(exported(target=target))
    assert likeness(right, logits(output)) > 0.9
    wrong = dict.fromkeys(calibrate(exported(target=target), DATA["question-answering"]), (-0.01, 0.01))
    quantize(
        exported(target=target),
        output,
        precision="int8-static",
        options=QuantizationOptions(calibration=wrong, cpu=cpu),
    )
    assert likeness(right, logits(output)) < 0.8


@pytest.mark.cpu
@pytest.mark.parametrize("activations", ["unsigned", "signed"])
def test_one_calibration_serves_both_kinds_of_bytes(
    exported: Exported, activations: Activations, cpu: Cpu, tmp_path: Path
) -> None:
    original, output = exported(target="portable"), tmp_path / "static.onnx"
    ranges = calibrate(original, DATA["question-answering"], "min-max")
    quantize(
        original,
        output,
        precision="int8-static",
        options=QuantizationOptions(calibration=ranges, activations=activations, cpu=cpu),
    )
    assert likeness(logits(original), logits(output)) > 0.9
    graph = onnx.load(output).graph
    numbers = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    points = [numbers[node.input[2]] for node in graph.node if node.op_type == "QuantizeLinear"]
    assert {point.dtype.name for point in points} == {{"unsigned": "uint8", "signed": "int8"}[activations]}
    assert all(point == 0 for point in points) == (activations == "signed")


@pytest.mark.parametrize("method", ["entropy", "percentile"])
def test_methods_that_cut_off_find_narrower_ranges(exported: Exported, method: CalibrationMethod) -> None:
    original = exported()
    everything = calibrate(original, DATA["question-answering"], "min-max")
    ours = calibrate(original, DATA["question-answering"], method)
    assert ours.keys() == everything.keys()
    widths = [[high - low for low, high in ranges.values()] for ranges in (everything, ours)]
    assert sum(widths[1]) < sum(widths[0])
    assert all(low < high for low, high in ours.values())


def test_text_and_tokens_calibrate_alike(exported: Exported, tmp_path: Path) -> None:
    original = exported(task="text-classification")
    pipe = ConvBertOnnxPipeline(original)
    texts = TEXT.read_text().split(". ")
    (tmp_path / "texts.txt").write_text("\n".join(texts))
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    rows = [pipe.tokenizer.model_row(pipe.tokenizer.encode_text(text)).ids.tolist() for text in texts]
    (tmp_path / "tokens.jsonl").write_text("".join(json.dumps({"input_ids": row}) + "\n" for row in rows))
    longest = max(map(len, rows))
    np.savez(
        tmp_path / "tokens.npz",
        input_ids=[row + [0] * (longest - len(row)) for row in rows],
        attention_mask=[[1] * len(row) + [0] * (longest - len(row)) for row in rows],
    )
    expected = calibrate(original, tmp_path / "texts.txt")
    assert calibrate(original, tmp_path / "texts.jsonl") == expected
    assert calibrate(original, tmp_path / "tokens.jsonl") == expected
    padded = calibrate(original, tmp_path / "tokens.npz")
    # Padding has activations too.
    assert all(
        low <= own_low + 1e-4 and high >= own_high - 1e-4
        for (low, high), (own_low, own_high) in zip(padded.values(), expected.values(), strict=True)
    )


@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e3), st.floats(0, 1))
def test_bytes_keep_numbers_in_the_range_to_half_a_step(low: float, width: float, place: float) -> None:
    number = low + place * width
    for activations, (least, most) in {"unsigned": (0, 255), "signed": (-127, 127)}.items():
        scale, zero = activation_parameters(low, low + width, activations)  # type: ignore[arg-type]
        stored = np.clip(np.rint(number / scale) + zero, least, most)
        assert abs((stored - zero) * scale - number) <= 1.01 * scale
        assert zero == (0 if activations == "signed" else np.clip(zero, 0, 255))


def test_a_portable_file_has_standard_operators_that_fuse(exported: Exported, tmp_path: Path) -> None:
    original, output = exported(target="portable"), tmp_path / "int8.onnx"
    record = quantize(original, output)
    assert (record.precision, record.target, record.operators) == ("int8", "portable", {})
    assert output.stat().st_size < original.stat().st_size
    onnx.checker.check_model(onnx.load(output), full_check=True)
    kinds = optimized(output, tmp_path)
    assert kinds["DynamicQuantizeMatMul"] + kinds["MatMulIntegerToFloat"] >= 3 * 4
    assert kinds["MatMulInteger"] == 0
    assert likeness(logits(original), logits(output)) > 0.9


def test_export_passes_calibration_on(exported: Exported, tmp_path: Path) -> None:
    checkpoint, data = CHECKPOINTS / "plain-question-answering", DATA["question-answering"]
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
    one, other = (logits(tmp_path / name) for name in ("static.onnx", "again.onnx"))
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])


def test_what_cannot_calibrate_is_refused(exported: Exported, tmp_path: Path) -> None:
    original, output = exported(), tmp_path / "out.onnx"
    with pytest.raises(InputError, match=r"int8-static needs calibration=\.\.\. with text"):
        quantize(original, output, precision="int8-static")
    with pytest.raises(InputError, match=r'calibration=\.\.\. has no effect on int8: pass precision="int8-static"'):
        quantize(original, output, options=QuantizationOptions(calibration=TEXT))
    with pytest.raises(InputError, match="activations must be one of unsigned, signed, not 'byte'"):
        QuantizationOptions(calibration=TEXT, activations="byte")  # type: ignore[arg-type]
    with pytest.raises(FileMissingError, match=r"nowhere.txt is not a file: name one with texts to calibrate on"):
        calibrate(original, tmp_path / "nowhere.txt")
    with pytest.raises(InputError, match=r"question-answering reads more than one text; calibrate on labelled data"):
        calibrate(original, TEXT)
    with pytest.raises(InputError, match="method must be one of min-max, entropy, percentile, not 'guess'"):
        calibrate(original, TEXT, "guess")  # type: ignore[arg-type]
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(InputError, match=r"empty.txt holds no text to calibrate on"):
        calibrate(exported(task="text-classification"), tmp_path / "empty.txt")
    np.savez(tmp_path / "wrong.npz", ids=[[1]])
    with pytest.raises(InputError, match="an array `input_ids` is missing"):
        calibrate(original, tmp_path / "wrong.npz")
    (tmp_path / "wrong.jsonl").write_text("{")
    with pytest.raises(InputError, match=r"wrong.jsonl, line 1: this is not JSON"):
        calibrate(original, tmp_path / "wrong.jsonl")
    (tmp_path / "wrong.npz").write_bytes(b"PK not a zip file")
    with pytest.raises(InputError, match=r"wrong.npz is not a file of numpy arrays"):
        calibrate(original, tmp_path / "wrong.npz")
    with pytest.raises(BundleError, match=r"int4-weights needs an operator of onnxruntime's: .* with target=\"cpu\""):
        quantize(exported(target="portable"), output, precision="int4-weights")
    assert not output.exists()


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (['{"input_ids": [1, 2]}', "", "{"], "line 3: this is not JSON"),
        (['{"input_ids": [1, 2]}', '{"ids": [1]}'], "line 2: `input_ids` must be there"),
        (['{"input_ids": [1, 2.5]}'], "line 1: `input_ids` must be a list of integers"),
        (['{"input_ids": [[1], [1, 2]]}'], "line 1: `input_ids` must be a list of integers"),
        (['{"input_ids": "text"}'], "line 1: `input_ids` must be a list of integers"),
        (['{"input_ids": [1, 99999]}'], "line 1: `input_ids` must be between 0 and"),
        (['{"input_ids": [-1]}'], "line 1: `input_ids` must be between 0 and"),
        (['{"input_ids": []}'], "line 1: `input_ids` must have 1 to"),
        ([f'{{"input_ids": {[1] * 2000}}}'], "line 1: `input_ids` must have 1 to .* tokens, not 2000"),
        (['{"input_ids": [1, 2], "attention_mask": [1]}'], "`attention_mask` must have as many elements as"),
        (['{"text": "fine"}', '{"text": 5}'], "line 2: `text` must be there, as a string"),
        (['{"text": "fine"}', '{"label": 5}'], "line 2: `text` must be there, as a string"),
        (['{"text": "fine"}', "[]"], "line 2: the line must be a JSON object, not list"),
    ],
)
def test_a_bad_line_is_named(exported: Exported, tmp_path: Path, lines: list[str], message: str) -> None:
    (tmp_path / "wrong.jsonl").write_text("\n".join(lines))
    with pytest.raises(InputError, match=message):
        calibrate(exported(task="text-classification"), tmp_path / "wrong.jsonl")


def test_the_command_calibrates(exported: Exported, tmp_path: Path) -> None:
    output = tmp_path / "static.onnx"
    options = ["--precision", "int8-static", "--calibration", str(DATA["question-answering"])]
    result = CliRunner().invoke(main, ["quantize", str(exported()), "-o", str(output), *options, "--cpu", "vnni"])
    assert result.exit_code == 0, result.output
    assert "cpu, int8-static for vnni" in result.stdout
