"""export(): its files, records and errors."""

import dataclasses
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.reference
import onnxruntime
import pytest
import transformers
from click.testing import CliRunner
from golden import (
    ARCHITECTURES,
    CHECKPOINTS,
    Exported,
    batches,
    inputs_of,
    pipeline_cases,
    relative_difference,
    same_result,
)
from safetensors.torch import load_file, save_file
from transformers import ConvBertForQuestionAnswering as Reference

from convbert_onnx import ConvBertConfig, ConvBertOnnxPipeline, ConvBertTokenizerFast
from convbert_onnx.bundle import Bundle
from convbert_onnx.cli import main
from convbert_onnx.errors import ExportError, InputError, MissingHeadError, ParityError
from convbert_onnx.exporters import QuantizationOptions, export
from convbert_onnx.exporters.validate import TOLERANCE
from convbert_onnx.models import ConvBertForQuestionAnswering, ConvBertModel

PLAIN = CHECKPOINTS / "plain-question-answering"
OPERATORS_OF_PLAIN = {
    "BiasSplit": 3,
    "MaskedAttention": 3,
    "DepthwiseConv": 3,
    "BiasMul": 3,
    "SpanDynamicConv": 3,
    "AddLayerNorm": 6,
    "BiasGelu": 3,
}
LEVELS = onnxruntime.GraphOptimizationLevel


def logits(path: Path, level: Any, batch: dict[str, np.ndarray]) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level
    (result,) = onnxruntime.InferenceSession(path, options).run(["start_logits"], inputs_of(batch))
    return np.asarray(result)


@pytest.mark.parametrize("target", ["cpu", "portable"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_exported_files_are_valid_and_run_without_optimizations(
    exported: Exported, architecture: str, target: str
) -> None:
    path = exported(architecture, target)
    onnx.checker.check_model(path, full_check=True)
    for batch in batches(architecture, "question-answering"):
        plain = logits(path, LEVELS.ORT_DISABLE_ALL, batch)
        assert relative_difference(logits(path, LEVELS.ORT_ENABLE_ALL, batch), plain) < 1e-4


def test_exported_files_are_single_and_contain_no_paths_of_this_machine(exported: Exported) -> None:
    path = exported()
    assert not list(path.parent.glob("*.data"))
    content = path.read_bytes()
    assert str(Path.cwd()).encode() not in content
    assert b"site-packages" not in content


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_portable_files_run_in_onnxs_reference_evaluator(exported: Exported, architecture: str) -> None:
    model = onnx.load(exported(architecture, "portable"))
    assert {node.domain for node in model.graph.node} == {""}
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 18)]
    assert not model.functions
    reference = onnx.reference.ReferenceEvaluator(model)
    for batch in batches(architecture, "question-answering"):
        results: Any = reference.run(["start_logits"], inputs_of(batch))
        (actual,) = results
        for row in range(len(actual)):
            alone = batch.get(f"row{row}.start_logits", batch["start_logits"][row : row + 1])
            assert relative_difference(actual[row : row + 1, : alone.shape[1]], alone) < 5e-5


def test_cpu_files_have_our_operators_and_their_functions(exported: Exported) -> None:
    model = onnx.load(exported("plain", "cpu"))
    counts = Counter(node.op_type for node in model.graph.node if node.domain == "convbert_onnx")
    assert counts == OPERATORS_OF_PLAIN
    assert {(function.domain, function.name) for function in model.functions} == {
        ("convbert_onnx", name) for name in counts
    }


@pytest.mark.parametrize(("padding", "inputs"), [("masked", 3), ("as-trained", 2)])
def test_convolutions_read_the_mask_only_if_padding_is_masked(exported: Exported, padding: Any, inputs: int) -> None:
    nodes = onnx.load(exported("plain", "cpu", padding)).graph.node
    convolutions = [node for node in nodes if node.op_type in ("SpanDynamicConv", "DepthwiseConv")]
    assert [len(node.input) for node in convolutions] == [inputs] * 6


def test_the_record_has_the_validated_shapes_and_the_operators(tmp_path: Path) -> None:
    steps: list[tuple[str, int, int]] = []
    record = export(PLAIN, tmp_path / "model.onnx", progress=lambda *step: steps.append(step))
    shapes = {(shape.batch, shape.sequence, shape.padded) for shape in record.validated}
    assert {(1, 1, False), (1, 2, False), (1, 3, False), (1, 512, False), (2, 512, True)} <= shapes
    assert record.worst_difference is not None and record.tolerance is not None
    assert 0 < record.worst_difference < record.tolerance == TOLERANCE
    assert record.source == "plain-question-answering"
    ours = {f"convbert_onnx.{name}": count for name, count in OPERATORS_OF_PLAIN.items()}
    assert record.operators == ours
    metadata = {entry.key: entry.value for entry in onnx.load(tmp_path / "model.onnx").metadata_props}
    bundle = Bundle.from_metadata(metadata)
    assert bundle is not None
    assert bundle.record == record
    assert bundle.tokenizer_json == (PLAIN / "tokenizer.json").read_text()
    assert [done for _, done, _ in steps] == list(range(len(steps)))
    assert steps[-1][1:] == (len(steps) - 1, len(steps) - 1)


def test_a_model_of_very_short_texts_is_exported(tmp_path: Path) -> None:
    config = ConvBertConfig.from_pretrained(PLAIN)
    sizes: dict[str, Any] = {"max_position_embeddings": 4, "conv_kernel_size": 31, "type_vocab_size": 16}
    model = ConvBertForQuestionAnswering(dataclasses.replace(config, num_hidden_layers=1, pad_token_id=1, **sizes))
    record = export(model, tmp_path / "model.onnx", tokenizer=PLAIN)
    assert {shape.sequence for shape in record.validated} == {1, 2, 3, 4}
    model = ConvBertForQuestionAnswering(dataclasses.replace(config, type_vocab_size=1))
    with pytest.raises(InputError, match="the model has 1 token type"):
        export(model, tmp_path / "model.onnx", tokenizer=PLAIN)
    model = ConvBertForQuestionAnswering(dataclasses.replace(config, max_position_embeddings=1))
    with pytest.raises(ExportError, match="max_position_embeddings is 1"):
        export(model, tmp_path / "model.onnx", tokenizer=PLAIN)


@pytest.mark.parametrize("source", ["ours", "reference"])
def test_a_model_in_memory_is_exported_like_its_checkpoint(exported: Exported, tmp_path: Path, source: str) -> None:
    kind: Any = {"ours": ConvBertForQuestionAnswering, "reference": Reference}[source]
    model = kind.from_pretrained(PLAIN).train()
    record = export(model, tmp_path / "model.onnx", tokenizer=PLAIN)
    assert record.source == "ConvBertForQuestionAnswering"
    assert model.training
    bundle = Bundle.from_metadata(onnxruntime.InferenceSession(exported()).get_modelmeta().custom_metadata_map)
    assert bundle is not None
    assert record.source_sha256 == bundle.record.source_sha256
    case = pipeline_cases("plain", "question-answering")[0]
    assert same_result(ConvBertOnnxPipeline(tmp_path / "model.onnx")(**case["inputs"]), case["output"])


def test_the_given_tokenizer_is_exported(tmp_path: Path) -> None:
    tokenizer = ConvBertTokenizerFast.from_vocab(PLAIN / "vocab.txt", {"do_lower_case": True, "model_max_length": 100})
    export(PLAIN, tmp_path / "model.onnx", tokenizer=tokenizer)
    pipe = ConvBertOnnxPipeline(tmp_path / "model.onnx")
    assert pipe.tokenizer.model_max_length == 100
    with pytest.raises(InputError, match=r"more than the model.s maximum of 100 tokens"):
        pipe("who?", "me", max_seq_len=101)


def test_layout_directory_writes_optimums_layout(tmp_path: Path) -> None:
    export(PLAIN, tmp_path / "model", layout="directory")
    names = sorted(path.name for path in (tmp_path / "model").iterdir())
    assert names == ["config.json", "model.onnx", "tokenizer.json", "tokenizer_config.json"]
    case = pipeline_cases("plain", "question-answering")[0]
    assert same_result(ConvBertOnnxPipeline(tmp_path / "model")(**case["inputs"]), case["output"])
    assert transformers.AutoConfig.from_pretrained(tmp_path / "model").model_type == "convbert"
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "model")
    assert tokenizer.model_max_length == 512


@pytest.fixture
def headless(tmp_path: Path) -> Path:
    """The plain checkpoint as a pretrained model is released: without a head."""
    ConvBertModel.from_pretrained(PLAIN).save_pretrained(tmp_path / "headless")
    shutil.copy(PLAIN / "tokenizer.json", tmp_path / "headless")
    return tmp_path / "headless"


def test_a_random_head_is_exported_only_if_allowed(headless: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingHeadError, match="no trained ConvBertForQuestionAnswering head"):
        export(headless, tmp_path / "model.onnx", task="qa")
    assert not (tmp_path / "model.onnx").exists()
    export(headless, tmp_path / "model.onnx", task="qa", allow_random_head=True)


def test_a_refused_export_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = tmp_path / "model.onnx"
    output.write_text("old")
    monkeypatch.setattr("convbert_onnx.exporters.validate.TOLERANCE", 0.0)
    with pytest.raises(ParityError):
        export(PLAIN, output)
    assert output.read_text() == "old"
    assert list(tmp_path.iterdir()) == [output]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"target": "gpu"}, ExportError, "target must be one of cpu, portable"),
        ({"precision": "fp8"}, ExportError, "precision must be one of fp32"),
        ({"padding": "left"}, ExportError, "padding must be one of"),
        ({"layout": "zip"}, ExportError, "layout must be one of"),
        ({"opset": 17}, ExportError, "opset must be between 18 and 23, not 17"),
        ({"precision": "int8-weights", "target": "portable"}, ExportError, 'int8-weights is for target="cpu"'),
        ({"task": "squad"}, InputError, "there is no task 'squad'"),
    ],
)
def test_unknown_options_are_refused(
    tmp_path: Path, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        export(PLAIN, tmp_path / "model.onnx", **options)


def test_a_directory_is_not_taken_as_the_output_file(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="is a directory"):
        export(PLAIN, tmp_path)


def test_half_precision_weights_are_exported_in_fp32(tmp_path: Path) -> None:
    shutil.copytree(PLAIN, tmp_path / "half")
    tensors = {name: tensor.half() for name, tensor in load_file(PLAIN / "model.safetensors").items()}
    save_file(tensors, tmp_path / "half" / "model.safetensors", metadata={"format": "pt"})
    export(tmp_path / "half", tmp_path / "model.onnx")
    types = {tensor.data_type for tensor in onnx.load(tmp_path / "model.onnx").graph.initializer}
    assert onnx.TensorProto.FLOAT16 not in types


def test_the_command_exports_with_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["export", "--model", str(PLAIN)])
    assert result.exit_code == 0, result.output
    assert "3 x SpanDynamicConv, 6 x AddLayerNorm, 3 x BiasGelu (ONNX function inside as fallback)" in result.stdout
    assert "worst difference" in result.stdout
    assert (tmp_path / "model.onnx").is_file()


def test_the_command_fails_in_one_line(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["export", "--model", str(tmp_path), "-o", str(tmp_path / "model.onnx")])
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_export_reads_config_json_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    from_json = ConvBertConfig.from_pretrained

    def from_pretrained(directory: str | Path) -> ConvBertConfig:
        read.append(Path(directory))
        return from_json(directory)

    monkeypatch.setattr(ConvBertConfig, "from_pretrained", from_pretrained)
    export(PLAIN, tmp_path / "model.onnx")
    assert read == [PLAIN]


def test_export_reports_the_steps_of_quantization_too(tmp_path: Path) -> None:
    steps: list[tuple[str, int, int]] = []
    record = export(
        PLAIN,
        tmp_path / "model.onnx",
        precision="int8",
        quantization=QuantizationOptions(cpu="arm64"),
        progress=lambda *step: steps.append(step),
    )
    assert (record.precision, record.cpu) == ("int8", "arm64")
    assert [done for _, done, _ in steps] == list(range(len(steps)))
    assert {total for _, _, total in steps} == {len(steps) - 1}
    assert [step for step, _, _ in steps[-3:]] == ["quantizing", "comparing with fp32", "comparing with fp32"]
