"""apply_edits() on the graphs of real exports."""

from pathlib import Path

import onnx_ir as ir
import pytest
from edit_graphs import CONFIG, build_graph
from golden import ARCHITECTURES, Exported

from convbert_onnx.bundle import Bundle
from convbert_onnx.exporters.edits import apply
from convbert_onnx.exporters.edits.apply import EDITS, apply_edits


def bundle_of(path: Path) -> Bundle:
    bundle = Bundle.from_metadata(ir.load(path).metadata_props)
    assert bundle is not None
    return bundle


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_apply_edits_applies_every_edit_to_an_exported_graph(exported: Exported, architecture: str) -> None:
    path = exported(architecture)
    bundle = bundle_of(path)
    layers = bundle.config.num_hidden_layers
    outcomes = dict.fromkeys((edit.name for edit in EDITS), f"{layers} places")
    outcomes["fuse_residual_norm"] = f"{2 * layers} places"
    outcomes["sum_embeddings"] = "1 place"
    outcomes["fold_weights"] = "not applied: nothing depends on weights alone"  # PyTorch folds constants this small
    if architecture == "cased":
        assert bundle.record.edits["fuse_bias_gelu"].endswith("(hidden_act is gelu_new)")
        outcomes["fuse_bias_gelu"] = bundle.record.edits["fuse_bias_gelu"]
    assert bundle.record.edits == outcomes
    remaining = {node.op_type for node in ir.load(path).graph}
    assert not remaining & {"Transpose", "Conv", "Softmax", "Erf", "Where"}


def test_apply_edits_skips_edits_that_are_not_portable(exported: Exported) -> None:
    edits = bundle_of(exported(target="portable")).record.edits
    skipped = {name: outcome for name, outcome in edits.items() if outcome.startswith("not")}
    assert skipped.pop("fuse_attention") == "not applied: it would need operators that are not standard ONNX"
    assert skipped.keys() <= {"fold_weights"}


def test_apply_edits_removes_unused_and_duplicate_nodes_and_names_new_ones() -> None:
    model = build_graph("a = Neg (x) b2 = Neg (x) unused = Exp (x) total = Add (a, b2) y = Add (total, b)")
    for node in model.graph:
        node.name = f"old/{node.op_type}"
    model.graph.append(ir.node("Abs", [model.graph.outputs[0]], name=None))
    model.graph.outputs[0] = model.graph[-1].outputs[0]
    apply_edits(model, CONFIG, "cpu")
    assert [node.op_type for node in model.graph] == ["Neg", "Add", "Add", "Abs"]
    assert all(node.name for node in model.graph)


def test_new_nodes_are_named_after_the_module_of_their_weights() -> None:
    model = build_graph("first = Add (x, b) second = Neg (first) y = Neg (second)")
    model.graph.initializers["b"].name = "layer.0.dense.bias"
    for node in model.graph:
        node.name = None
    apply._name_new_nodes(model.graph, set())
    assert [node.name for node in model.graph] == ["layer.0.dense/Add", "layer.0/Neg", "layer.0/Neg_2"]
