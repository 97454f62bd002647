import dataclasses
from pathlib import Path
from typing import Any

import onnx
import onnx.reference
import onnxruntime
import pytest
from golden import (
    CHECKPOINTS,
    Exported,
)

from convbert_onnx import ConvBertConfig
from convbert_onnx.errors import (
    ExportError,
)
from convbert_onnx.exporters import export
from convbert_onnx.exporters.trace import trace
from convbert_onnx.models import ConvBertForQuestionAnswering
from convbert_onnx.tasks import task_by_name

PLAIN = CHECKPOINTS / "plain-question-answering"


@pytest.mark.parametrize(
    ("opset", "ir_version", "target"),
    [
        (18, 8, "portable"),
        (19, 9, "portable"),
        (20, 9, "portable"),
        (21, 10, "portable"),
        (22, 10, "portable"),
        (23, 11, "portable"),
        (23, 11, "cpu"),
    ],
)
def test_every_opset_is_written_with_its_lowest_ir_version(
    tmp_path: Path, opset: int, ir_version: int, target: Any
) -> None:
    record = export(PLAIN, tmp_path / "model.onnx", opset=opset, target=target)
    model = onnx.load(tmp_path / "model.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert {operators.domain: operators.version for operators in model.opset_import}[""] == opset
    assert model.ir_version == record.ir_version == ir_version


def test_axes_are_dynamic_and_named(exported: Exported) -> None:
    session = onnxruntime.InferenceSession(exported())
    inputs, outputs = session.get_inputs(), session.get_outputs()
    assert [spec.name for spec in inputs] == ["input_ids", "attention_mask", "token_type_ids"]
    assert [spec.name for spec in outputs] == ["start_logits", "end_logits"]
    assert all(spec.shape == ["batch", "sequence"] for spec in [*inputs, *outputs])


def test_trace_names_nodes_and_weights_after_their_modules() -> None:
    model = ConvBertForQuestionAnswering.from_pretrained(PLAIN)
    graph = trace(model, task_by_name("qa"), 18).graph
    assert graph.name == "ConvBertForQuestionAnswering"
    names = [node.name for node in graph]
    assert len(set(names)) == len(names)
    assert any(name.startswith("convbert.layers.0.") for name in names if name)
    assert all(
        not str(node.inputs[1].name).startswith("val_")
        for node in graph
        if node.op_type == "MatMul"
        if node.inputs[1] is not None and node.inputs[1].is_initializer()
    )


def test_a_model_of_one_token_is_refused() -> None:
    config = dataclasses.replace(ConvBertConfig.from_pretrained(PLAIN), max_position_embeddings=1)
    with pytest.raises(ExportError, match="max_position_embeddings is 1"):
        trace(ConvBertForQuestionAnswering(config).eval(), task_by_name("qa"), 18)
