"""Graphs that were exported by other tools, in our runtime."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
from golden import CHECKPOINTS, QUESTION, Exported, same_result
from onnx import TensorProto, helper

from convbert_onnx import ConvBertOnnxPipeline
from convbert_onnx.errors import BundleError, InputError
from convbert_onnx.runtime import bench
from convbert_onnx.runtime.model import open_model

LONG = {"question": "Where is the dust from?", "context": "The dust is from the Sahara. " * 20}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with config and tokenizer."""
    for file in ("config.json", "tokenizer.json"):
        shutil.copy(CHECKPOINTS / "plain-question-answering" / file, tmp_path)
    return tmp_path


@pytest.fixture
def graph(exported: Exported) -> onnx.ModelProto:
    """A graph without our metadata."""
    model = onnx.load(exported(target="portable"))
    del model.metadata_props[:]
    return model


def run(path: Path, example: dict[str, Any] = QUESTION) -> Any:
    return ConvBertOnnxPipeline(path, threads=1)(**example)


@pytest.mark.parametrize("inputs", ["float[N] x", "int64[N] input_ids, int64[N] attention_mask"])
def test_a_graph_with_other_inputs_is_refused(folder: Path, inputs: str) -> None:
    name = inputs.split(",")[0].split()[-1]
    text = f'<ir_version: 8, opset_import: ["" : 18]> other ({inputs}) => (float[N] start_logits, float[N] end_logits)'
    onnx.save(
        onnx.parser.parse_model(f"{text} {{ start_logits = Cast <to = 1> ({name}) end_logits = Neg (start_logits) }}"),
        folder / "model.onnx",
    )
    with pytest.raises(BundleError, match=r"not a question-answering model: it has .*the task needs input_ids"):
        open_model(folder)


def test_an_additional_input_is_named(folder: Path, graph: onnx.ModelProto) -> None:
    graph.graph.input.append(helper.make_tensor_value_info("position_ids", TensorProto.INT64, ["batch", "sequence"]))
    onnx.save(graph, folder / "model.onnx")
    with pytest.raises(BundleError, match=r"has the inputs attention_mask, input_ids, position_ids, token_type_ids"):
        open_model(folder)


@pytest.mark.parametrize("names", [("model.onnx",), ("model.onnx", "model_quantized.onnx"), ("model_q4.onnx",)])
def test_a_repository_with_its_graph_in_the_folder_onnx_is_opened(
    exported: Exported, folder: Path, graph: onnx.ModelProto, names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "onnx").mkdir()
    for name in names:
        onnx.save(graph, folder / "onnx" / name)
    expected = run(exported(target="portable"))
    assert same_result(run(folder), expected)
    for name in names:
        assert same_result(run(folder / "onnx" / name), expected)
    monkeypatch.chdir(folder / "onnx")
    assert same_result(run(Path(names[0])), expected)


def test_a_repository_with_several_graphs_is_refused(folder: Path, graph: onnx.ModelProto) -> None:
    (folder / "onnx").mkdir()
    for name in ("model_q4.onnx", "model_q8.onnx"):
        onnx.save(graph, folder / "onnx" / name)
    with pytest.raises(BundleError, match=r"several models \(onnx/model_q4\.onnx, onnx/model_q8\.onnx\)"):
        open_model(folder)


def of_int32(model: onnx.ModelProto) -> None:
    for value in model.graph.input:
        value.type.tensor_type.elem_type = TensorProto.INT32
        for node in model.graph.node:
            node.input[:] = [f"{value.name}_wide" if name == value.name else name for name in node.input]
        model.graph.node.insert(0, helper.make_node("Cast", [value.name], [f"{value.name}_wide"], to=TensorProto.INT64))


def of_float16(model: onnx.ModelProto) -> None:
    for value in model.graph.output:
        value.type.tensor_type.elem_type = TensorProto.FLOAT16
        for node in model.graph.node:
            node.output[:] = [f"{value.name}_full" if name == value.name else name for name in node.output]
        model.graph.node.append(helper.make_node("Cast", [f"{value.name}_full"], [value.name], to=TensorProto.FLOAT16))


def renamed(*names: str) -> Callable[[onnx.ModelProto], None]:
    def rename(model: onnx.ModelProto) -> None:
        for value, new in zip(model.graph.output, names, strict=True):
            for node in model.graph.node:
                node.output[:] = [new if name == value.name else name for name in node.output]
            value.name = new

    return rename


def reversed_outputs(model: onnx.ModelProto) -> None:
    """Reverse the outputs, and add one."""
    outputs = list(model.graph.output)[::-1]
    del model.graph.output[:]
    model.graph.node.append(helper.make_node("Shape", ["start_logits"], ["hidden_states"]))
    extra = helper.make_tensor_value_info("hidden_states", TensorProto.INT64, [2])
    model.graph.output.extend([extra, *outputs])


def renamed_and_reversed(model: onnx.ModelProto) -> None:
    renamed("tf_start", "tf_end")(model)
    outputs = list(model.graph.output)[::-1]
    del model.graph.output[:]
    model.graph.output.extend(outputs)


def of_unknown_shape(model: onnx.ModelProto) -> None:
    for value in model.graph.output:
        for axis in value.type.tensor_type.shape.dim:
            axis.dim_param = f"unknown_{value.name}"


@pytest.mark.parametrize(
    "change",
    [of_int32, of_float16, renamed("output_0", "output_1"), reversed_outputs, renamed_and_reversed, of_unknown_shape],
)
def test_graphs_with_other_types_names_or_order_give_the_same_results(
    exported: Exported, folder: Path, graph: onnx.ModelProto, change: Callable[[onnx.ModelProto], None]
) -> None:
    change(graph)
    onnx.save(graph, folder / "model.onnx")
    assert same_result(run(folder), run(exported(target="portable")), 1e-3)


@pytest.mark.parametrize(("batch", "sequence"), [(2, None), (None, 24), (3, 24)])
def test_inputs_are_padded_to_the_shape_of_a_fixed_graph(
    exported: Exported, folder: Path, graph: onnx.ModelProto, batch: int | None, sequence: int | None
) -> None:
    for value in graph.graph.input:
        for axis, size in zip(value.type.tensor_type.shape.dim, (batch, sequence), strict=True):
            if size is not None:
                axis.dim_value = size
    onnx.save(graph, folder / "model.onnx")
    expected = ConvBertOnnxPipeline(exported(target="portable"), threads=1)
    fixed = ConvBertOnnxPipeline(folder, threads=1)
    assert fixed.max_length == (sequence or expected.max_length)
    examples = [QUESTION, {"question": "Who?", "context": "It was Ada."}, QUESTION, QUESTION, QUESTION]
    questions, contexts = ([one[name] for one in examples] for name in ("question", "context"))
    both = [pipe(question=questions, context=contexts) for pipe in (fixed, expected)]
    assert same_result(both[0], both[1])
    windows = {} if sequence is None else {"max_seq_len": 24, "doc_stride": 4}
    assert same_result(fixed(**LONG, **({"doc_stride": 4} if sequence else {})), expected(**LONG, **windows))
    assert bench(folder, repeats=1).shapes[0].shape == (batch or 1, sequence or 128)
    if batch:
        with pytest.raises(InputError, match="this graph only supports the shape"):
            bench(folder, [(1, 24)], repeats=1)


def test_choices_are_padded_to_a_fixed_number(exported: Exported, tmp_path: Path) -> None:
    model = onnx.load(exported(task="multiple-choice"))
    for value in model.graph.input:
        value.type.tensor_type.shape.dim[1].dim_value = 4
    onnx.save(model, tmp_path / "model.onnx")
    example = {"prompt": "It rains.", "choices": ["She takes an umbrella.", "She sings."]}
    assert same_result(run(tmp_path, example), run(exported(task="multiple-choice"), example))


@pytest.mark.parametrize("known", [True, False])
def test_a_config_with_another_number_of_labels_is_refused(exported: Exported, tmp_path: Path, known: bool) -> None:
    model = onnx.load(exported(task="text-classification"))
    del model.metadata_props[:]
    if not known:
        model.graph.output[0].type.tensor_type.shape.dim[1].dim_param = "labels"
    onnx.save(model, tmp_path / "model.onnx")
    shutil.copy(CHECKPOINTS / "plain-token-classification" / "config.json", tmp_path)
    shutil.copy(CHECKPOINTS / "plain-question-answering" / "tokenizer.json", tmp_path)
    with pytest.raises(BundleError, match="gives 3 labels, its config has 9"):
        open_model(tmp_path, "text-classification")


def test_outputs_of_other_types_are_refused(folder: Path, graph: onnx.ModelProto) -> None:
    graph.graph.output[0].type.tensor_type.elem_type = TensorProto.INT64
    for node in graph.graph.node:
        node.output[:] = ["start_full" if name == "start_logits" else name for name in node.output]
    graph.graph.node.append(helper.make_node("Cast", ["start_full"], ["start_logits"], to=TensorProto.INT64))
    onnx.save(graph, folder / "model.onnx")
    with pytest.raises(BundleError, match=r"has the output start_logits of type tensor\(int64\)"):
        open_model(folder)
