"""Quantized files: what they answer, how they are made, and which are refused."""

import json
from collections import Counter
from pathlib import Path
from typing import Any, get_args

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
from click.testing import CliRunner
from golden import CHECKPOINTS, QUESTION, TASKS, Exported, batches, inputs_of, relative_difference
from numpy.typing import NDArray

from convbert_onnx import ConvBertOnnxPipeline
from convbert_onnx.bundle import Comparison, Cpu
from convbert_onnx.cli import main
from convbert_onnx.errors import BundleError, ExportError, InputError, QualityError
from convbert_onnx.exporters import QuantizationOptions, export, quantize
from convbert_onnx.exporters.quantization import embeddings, mixed_precision
from convbert_onnx.exporters.quantization.compare import Reference
from convbert_onnx.runtime import evaluate, inspect
from convbert_onnx.runtime.sessions.cpu import EXACT_OPTION
from convbert_onnx.runtime.sessions.kernels import ISA_VARIABLE, LIBRARY, available_isas


@pytest.fixture(autouse=True)
def small_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """The toy models' tables count as large."""
    monkeypatch.setattr(embeddings, "MIN_TABLE_SIZE", 2**10)


@pytest.fixture(params=["plain", "grouped"])
def architecture(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def quantized(exported: Exported, architecture: str, cpu: Cpu, tmp_path: Path) -> Path:
    quantize(exported(architecture), tmp_path / "int8.onnx", options=QuantizationOptions(cpu=cpu))
    return tmp_path / "int8.onnx"


@pytest.mark.parametrize("task", TASKS)
def test_every_task_is_quantized_and_compared(exported: Exported, task: str, architecture: str, tmp_path: Path) -> None:
    original = exported(architecture, task=task)
    record = quantize(original, tmp_path / "int8.onnx", options=QuantizationOptions(cpu="vnni"))
    assert (record.precision, record.cpu) == ("int8", "vnni")
    assert isinstance(record.comparison, Comparison)
    assert record.comparison.texts > 10
    assert 0 < record.comparison.mean_difference < record.comparison.worst_difference
    graph = onnx.load(tmp_path / "int8.onnx")
    onnx.checker.check_model(graph, full_check=True)
    kinds = {node.op_type for node in graph.graph.node}
    assert {"MatMulDequantizeBiasSplit", "MatMulDequantizeBiasMul", "MatMulDequantizeAddLayerNorm"} <= kinds
    in_groups = {"GroupedMatMulDequantizeBiasGelu", "GroupedMatMulDequantizeAddLayerNorm"}
    assert kinds & in_groups == (in_groups if architecture == "grouped" else set())
    assert "DequantizeBiasGelu" not in kinds
    assert (tmp_path / "int8.onnx").stat().st_size < original.stat().st_size


@pytest.mark.cpu
def test_the_quantized_model_still_answers(exported: Exported, architecture: str, quantized: Path) -> None:
    """The toy's weights are random, and its answers hang by a thread; outputs must be near all the same."""
    context = " ".join(reversed(QUESTION["context"].split()))
    original = ConvBertOnnxPipeline(exported(architecture))
    ((right,), (elsewhere,)) = original.raw_outputs_many([QUESTION, QUESTION | {"context": context}])
    ((ours,),) = ConvBertOnnxPipeline(quantized).raw_outputs_many([QUESTION])
    for name in right:
        assert np.corrcoef(right[name], ours[name])[0, 1] > 0.9
        assert np.corrcoef(right[name], elsewhere[name])[0, 1] < 0.8


@pytest.mark.cpu
@pytest.mark.parametrize("native", [True, False])
def test_kernels_and_functions_agree(quantized: Path, native: bool) -> None:
    """One layer's rounding may turn another way, which later layers amplify: compared is what comes of it."""
    ((one,),) = ConvBertOnnxPipeline(quantized, native=native).raw_outputs_many([QUESTION])
    ((other,),) = ConvBertOnnxPipeline(quantized, native=False).raw_outputs_many([QUESTION])
    for name in one:
        assert np.corrcoef(one[name], other[name])[0, 1] > 0.999


@pytest.mark.cpu
@pytest.mark.parametrize("native", [True, False])
def test_an_answer_has_the_same_bits_in_any_company(quantized: Path, native: bool) -> None:
    random = np.random.default_rng(0)
    alone = ConvBertOnnxPipeline(quantized, native=native, threads=1).session
    others = ConvBertOnnxPipeline(quantized, native=native, threads=2).session

    def run(session: Any, tokens: NDArray[np.int64], real: int) -> list[NDArray[np.float32]]:
        mask = np.tile(np.arange(tokens.shape[1]) < real, (len(tokens), 1)).astype(np.int64)
        outputs = session.run(
            None, {"input_ids": tokens * mask, "attention_mask": mask, "token_type_ids": np.zeros_like(tokens)}
        )
        return [output[:, :real] for output in outputs]

    for length in (3, 16, 33, 100):
        tokens = random.integers(0, 3000, (1, length))
        expected = run(alone, tokens, length)
        batch = np.concatenate([random.integers(0, 3000, (3, length)), tokens])
        padded = np.pad(batch, ((0, 0), (0, 21)))
        for result in (run(others, tokens, length), run(others, batch, length), run(others, padded, length)):
            for one, other in zip(result, expected, strict=True):
                np.testing.assert_array_equal(one[-1:], other)


def test_products_for_arm_are_those_of_onnxruntime(exported: Exported, tmp_path: Path) -> None:
    quantize(exported(), tmp_path / "arm64.onnx", options=QuantizationOptions(cpu="arm64"))
    quantize(exported(), tmp_path / "vnni.onnx", options=QuantizationOptions(cpu="vnni"))
    kinds = Counter(node.op_type for node in onnx.load(tmp_path / "arm64.onnx").graph.node)
    in_one_pass = Counter(node.op_type for node in onnx.load(tmp_path / "vnni.onnx").graph.node)
    for behind in ("DequantizeBiasSplit", "DequantizeBiasMul", "DequantizeBiasGelu", "DequantizeAddLayerNorm"):
        assert kinds[behind] == in_one_pass[f"MatMul{behind}"] > 0
    answers = [
        ConvBertOnnxPipeline(tmp_path / f"{name}.onnx", native=False).raw_outputs_many([QUESTION])[0][0]
        for name in ("arm64", "vnni")
    ]
    for name in answers[0]:  # onnxruntime fuses the two differently, and later layers amplify what rounding turns
        assert np.corrcoef(answers[0][name], answers[1][name])[0, 1] > 0.999


def test_tied_embeddings_are_stored_once(exported: Exported, tmp_path: Path) -> None:
    quantize(exported(task="fill-mask"), tmp_path / "int8.onnx")
    tables = [
        name
        for name, value in ir.load(tmp_path / "int8.onnx").graph.initializers.items()
        if value.shape is not None and 3425 in tuple(value.shape) and len(value.shape) == 2
    ]
    assert tables == ["convbert.embeddings.word.bytes"]


def test_export_in_int8_is_export_and_quantize(quantized: Path, architecture: str, cpu: Cpu, tmp_path: Path) -> None:
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


FORMS = get_args(Cpu)


@pytest.mark.parametrize("made_for", FORMS)
def test_a_file_answers_the_same_on_every_cpu(
    exported: Exported, architecture: str, made_for: Cpu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same bits on all instruction sets with FMA; without it, floats are rounded more often."""
    quantize(exported(architecture), tmp_path / "int8.onnx", options=QuantizationOptions(cpu=made_for))
    results: dict[str, list[list[NDArray[Any]]]] = {}
    for isa in available_isas() if LIBRARY.is_file() else []:
        monkeypatch.setenv(ISA_VARIABLE, isa)
        session = ConvBertOnnxPipeline(tmp_path / "int8.onnx").session
        results[isa] = [session.run(None, inputs_of(batch)) for batch in batches(architecture, "question-answering")]
    without_fma = results.pop("baseline", [])
    first, *others = results.values()
    for other in others:
        for ours, theirs in zip(first, other, strict=True):
            for one, same in zip(ours, theirs, strict=True):
                np.testing.assert_array_equal(one, same)
    for ours, theirs in zip(first, without_fma, strict=bool(without_fma)):
        for one, near in zip(ours, theirs, strict=True):
            assert relative_difference(one, near) < 0.03


def test_forms_for_vnni_and_for_arm_have_the_same_weights(exported: Exported, tmp_path: Path) -> None:
    for cpu in FORMS:
        quantize(exported(), tmp_path / f"{cpu}.onnx", options=QuantizationOptions(cpu=cpu))
    outputs = {cpu: ConvBertOnnxPipeline(tmp_path / f"{cpu}.onnx").raw_outputs_many([QUESTION])[0][0] for cpu in FORMS}
    for name, ours in outputs["vnni"].items():
        np.testing.assert_array_equal(ours, outputs["arm64"][name])
        assert (ours != outputs["avx2"][name]).any()


@pytest.mark.parametrize("made_for", FORMS)
@pytest.mark.parametrize("here", FORMS)
def test_int8_is_exact_where_onnxruntime_would_saturate(
    exported: Exported, here: Cpu, made_for: Cpu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quantize(exported(), tmp_path / "int8.onnx", options=QuantizationOptions(cpu=made_for))
    monkeypatch.setattr("convbert_onnx.runtime.sessions.cpu.cpu_of_this_machine", lambda: here)
    options = ConvBertOnnxPipeline(tmp_path / "int8.onnx").session.get_session_options()
    if here == "avx2" and made_for != "avx2":
        assert options.get_session_config_entry(EXACT_OPTION) == "1"
    else:
        with pytest.raises(RuntimeError):
            options.get_session_config_entry(EXACT_OPTION)


def test_session_options_of_a_caller_must_not_let_int8_saturate(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quantize(exported(), tmp_path / "int8.onnx", options=QuantizationOptions(cpu="vnni"))
    monkeypatch.setattr("convbert_onnx.runtime.sessions.cpu.cpu_of_this_machine", lambda: "avx2")
    options = onnxruntime.SessionOptions()
    with pytest.raises(InputError, match=r"int8 matmuls .* would overflow on this CPU .*: call add_session_config_en"):
        ConvBertOnnxPipeline(tmp_path / "int8.onnx", session_options=options)
    options.add_session_config_entry(EXACT_OPTION, "1")
    assert ConvBertOnnxPipeline(tmp_path / "int8.onnx", session_options=options)(**QUESTION)["answer"]


@pytest.mark.skipif(not LIBRARY.is_file(), reason="the native kernels are not built")
def test_inspect_says_whether_a_file_is_fast_here(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert inspect(exported())["int8"] is None
    suits = {"avx512vnni": "vnni", "avxvnni": "vnni", "avx512": "avx2", "avx2": "avx2", "neon": "arm64"}
    for cpu in FORMS:
        quantize(exported(), tmp_path / "int8.onnx", options=QuantizationOptions(cpu=cpu))
        for isa in available_isas():
            if isa in suits:
                monkeypatch.setenv(ISA_VARIABLE, isa)
                fast = cpu == suits[isa] or (cpu, suits[isa]) == ("avx2", "vnni")
                slow = f"exact here, and faster if quantized with cpu={suits[isa]!r}"
                assert inspect(tmp_path / "int8.onnx")["int8"] == ("the fast form for this machine" if fast else slow)


def test_what_cannot_be_quantized_is_refused(exported: Exported, quantized: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.onnx"
    with pytest.raises(BundleError, match='has precision int8: quantize an export with precision="fp32"'):
        quantize(quantized, output)
    with pytest.raises(InputError, match="cpu must be one of auto, vnni, avx2, arm64, not 'z80'"):
        quantize(exported(), output, options=QuantizationOptions(cpu="z80"))  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"precision must be one of int8, int8-static, int8-weights, .*, not 'fp8'"):
        quantize(exported(), output, precision="fp8")  # type: ignore[arg-type]
    with pytest.raises(ExportError, match='int8-weights is for target="cpu"'):
        export(CHECKPOINTS / "plain-question-answering", output, precision="int8-weights", target="portable")
    model = onnx.load(exported())
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "foreign.onnx")
    with pytest.raises(BundleError, match="was not exported by convbert-onnx"):
        quantize(tmp_path / "foreign.onnx", output)
    assert not output.exists()


LABELLED = Path(__file__).parents[2] / "data" / "labelled"
DATA = {
    "question-answering": "squad-1.1.json",
    "text-classification": "polarity.tsv",
    "token-classification": "wikigold.conll",
    "multiple-choice": "codah.jsonl",
}


@pytest.mark.cpu
@pytest.mark.parametrize("task", DATA)
def test_labelled_data_give_the_metric_before_and_after(
    exported: Exported, task: str, cpu: Cpu, tmp_path: Path
) -> None:
    data = LABELLED / DATA[task]
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


def test_a_file_that_loses_too_much_is_refused_with_its_costly_layers(exported: Exported, tmp_path: Path) -> None:
    data = LABELLED / DATA["text-classification"]
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


def test_layers_stay_in_float_until_the_metric_holds(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drops = iter([0.2, 0.1, 0.004])
    monkeypatch.setattr(mixed_precision, "_drop", lambda comparison: next(drops))
    data = LABELLED / DATA["question-answering"]
    original = exported()
    record = quantize(
        original, tmp_path / "mixed.onnx", options=QuantizationOptions(cpu="vnni", data=data, auto_mixed=True)
    )
    monkeypatch.undo()
    assert len(record.layers_in_float) == 2
    nodes = Counter(node.op_type for node in onnx.load(tmp_path / "mixed.onnx").graph.node)
    assert (nodes["BiasSplit"], nodes["MatMulDequantizeBiasSplit"]) == (2, 1)
    quantize(original, tmp_path / "int8.onnx", options=QuantizationOptions(cpu="vnni"))
    reference = Reference(original)
    costs = [reference.mean_difference(tmp_path / name) for name in ("mixed.onnx", "int8.onnx")]
    assert 0 < costs[0] < costs[1]
    assert ConvBertOnnxPipeline(tmp_path / "mixed.onnx")(**QUESTION)["answer"]


def test_the_command_quantizes(exported: Exported, tmp_path: Path) -> None:
    output = tmp_path / "int8.onnx"
    result = CliRunner().invoke(main, ["quantize", str(exported()), "-o", str(output), "--cpu", "vnni"])
    assert result.exit_code == 0, result.output
    assert "cpu, int8 for vnni" in result.stdout
    assert "answers unchanged" in result.stdout
    shown: Any = json.loads(CliRunner().invoke(main, ["inspect", str(output), "--json"]).stdout)
    assert shown["record"]["comparison"]["texts"] > 10
