"""Each graph edit: on a small graph where it applies, with the same numbers, and on one where it must not."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
from golden import ARCHITECTURES, Exported
from onnx_ir.passes import common

from convbert_onnx.bundle import Bundle
from convbert_onnx.config import ConvBertConfig
from convbert_onnx.exporters.edits.apply import EDITS, apply_edits
from convbert_onnx.exporters.edits.base import Edit
from convbert_onnx.exporters.functions import add_functions

HEADS_, SIZE, WIDTH, KERNEL = 2, 4, 8, 3
CONFIG = ConvBertConfig(hidden_size=WIDTH, num_attention_heads=2 * HEADS_, conv_kernel_size=KERNEL)

GELU = """
    biased = Add (x, b)
    scaled = Div (biased, root)
    erf = Erf (scaled)
    doubled = Add (erf, one)
    halved = Mul (half, doubled)
    y = Mul (biased, halved)
"""
ATTENTION = """
    column = Constant <value = int64[2] {1, 2}> ()
    unsqueezed = Unsqueeze (mask, column)
    real = Cast <to = 1> (unsqueezed)
    unreal = Sub (one, real)
    added = Mul (unreal, lowest)
    q4 = Reshape (x, by_head)
    q = Transpose <perm = [0, 2, 1, 3]> (q4)
    x2 = Mul (x, half)
    k4 = Reshape (x2, by_head)
    k = Transpose <perm = [0, 2, 3, 1]> (k4)
    x3 = Neg (x)
    v4 = Reshape (x3, by_head)
    v = Transpose <perm = [0, 2, 1, 3]> (v4)
    products = MatMul (q, k)
    scores = Div (products, root_size)
    masked = Add (scores, added)
    probabilities = Softmax <axis = -1> (masked)
    context = MatMul (probabilities, v)
    turned = Transpose <perm = [0, 2, 1, 3]> (context)
    y = Reshape (turned, flat)
"""
CONV = """
    axis = Constant <value = int64[1] {2}> ()
    column = Unsqueeze (mask, axis)
    real = Cast <to = 9> (column)
    seen = Where (real, x, zero)
    first = Transpose <perm = [0, 2, 1]> (seen)
    convolved = Conv <group = 8, pads = [1, 1], kernel_shape = [3]> (first, kernel)
    y = Transpose <perm = [0, 2, 1]> (convolved)
"""
NORM = """
    product = MatMul (x, w)
    biased = Add (product, b)
    total = Add (x, biased)
    y = LayerNormalization <axis = -1, epsilon = 0.001> (total, gamma, b)
"""
EMBEDDINGS = """
    types = Neg (x)
    both = Add (x, types)
    total = Add (both, gamma)
    y = LayerNormalization <axis = -1, epsilon = 0.001> (total, gamma, b)
"""
MUL = """
    product = MatMul (x, w)
    biased = Add (product, b)
    other = Neg (x)
    y = Mul (biased, other)
"""
LINEARS = """
    product = MatMul (x, w)
    biased = Add (product, b)
    second = MatMul (x, w2)
    biased2 = Add (second, gamma)
    third = MatMul (x, w)
    biased3 = Add (third, gamma)
    fourth = MatMul (x, w2)
    biased4 = Add (fourth, b)
    sum = Add (biased, biased2)
    difference = Sub (biased3, biased4)
    y = Mul (sum, difference)
"""
FOLD = """
    turned = Transpose <perm = [1, 0]> (w)
    y = MatMul (x, turned)
"""


@dataclass(frozen=True)
class Case:
    """A graph that an edit changes, what it becomes, and one that looks alike and must stay."""

    body: str
    after: dict[str, int]
    other: str


CASES = {
    "fold_weights": Case(FOLD, {"MatMul": 1}, FOLD.replace("(w)", "(w2)") + "unused = Gather (w2, flat)"),
    "fuse_attention": Case(
        ATTENTION, {"MaskedAttention": 1, "Mul": 1, "Neg": 1}, ATTENTION.replace("root_size", "half")
    ),
    "fuse_depthwise_conv": Case(CONV, {"DepthwiseConv": 1}, CONV.replace("pads = [1, 1]", "pads = [2, 0]")),
    "fuse_bias_gelu": Case(GELU, {"BiasGelu": 1}, GELU.replace("(biased, root)", "(biased, half)")),
    "fuse_bias_mul": Case(MUL, {"MatMul": 1, "BiasMul": 1, "Neg": 1}, MUL.replace("(biased, other)", "(biased, half)")),
    "fuse_residual_norm": Case(NORM, {"MatMul": 1, "AddLayerNorm": 1}, NORM.replace("(x, biased)", "(x, x)")),
    "sum_embeddings": Case(
        EMBEDDINGS, {"Neg": 1, "Sum": 1, "LayerNormalization": 1}, EMBEDDINGS.replace("Add (both", "Mul (both")
    ),
    "merge_projections": Case(
        LINEARS, {"MatMul": 1, "BiasSplit": 1, "Add": 1, "Sub": 1, "Mul": 1}, f"other = Neg (x) {NORM}"
    ),
}


def graph(body: str) -> ir.Model:
    """A graph with this body on x [B, S, WIDTH] and mask [B, S], and weights for it."""
    random = np.random.default_rng(0)
    weights = {
        "w": random.standard_normal((WIDTH, WIDTH), np.float32),
        "w2": random.standard_normal((WIDTH, WIDTH), np.float32),
        "b": random.standard_normal(WIDTH, np.float32),
        "gamma": random.standard_normal(WIDTH, np.float32),
        "kernel": random.standard_normal((WIDTH, 1, KERNEL), np.float32),
        "root": np.float32(2**0.5),
        "root_size": np.float32(SIZE**0.5),
        "lowest": np.finfo(np.float32).min,
        "zero": np.float32(0),
        "one": np.float32(1),
        "half": np.float32(0.5),
        "by_head": np.array([0, 0, HEADS_, SIZE]),
        "flat": np.array([0, 0, WIDTH]),
    }
    model = ir.from_onnx_text(
        f"""<ir_version: 8, opset_import: ["" : 18, "com.microsoft" : 1]>
        small (float[B, S, {WIDTH}] x, int64[B, S] mask) => (float[B, S, {WIDTH}] y)
        <float[B, S, {HEADS_}, {SIZE}] q4> {{ {body} }}"""
    )
    for node in list(model.graph):
        for index, value in enumerate(node.inputs):
            if value is not None and value.name in weights:
                node.replace_input_with(index, initializer(model, value.name, weights[value.name]))
    return model


def initializer(model: ir.Model, name: str, array: Any) -> ir.Value:
    if name not in model.graph.initializers:
        model.graph.register_initializer(ir.val(name, const_value=ir.tensor(np.asarray(array), name=name)))
    return model.graph.initializers[name]


def run(model: ir.Model) -> np.ndarray:
    random = np.random.default_rng(1)
    feed = {
        "x": random.standard_normal((2, 5, WIDTH), np.float32),
        "mask": np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]),
    }
    session = onnxruntime.InferenceSession(ir.to_proto(model).SerializeToString())
    known = {spec.name for spec in session.get_inputs()}
    (result,) = session.run(None, {name: array for name, array in feed.items() if name in known})
    return np.asarray(result)


by_edit = pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)


@by_edit
def test_an_edit_leaves_the_numbers(edit: Edit) -> None:
    case = CASES[edit.name]
    model = graph(case.body)
    expected = run(graph(case.body))
    assert edit.apply(model, CONFIG).places == 1
    apply_edits(model, CONFIG, "portable")  # for what it does after the edits: unused nodes go
    add_functions(model, CONFIG)
    np.testing.assert_allclose(run(model)[0], expected[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(run(model)[1, :3], expected[1, :3], rtol=1e-4, atol=1e-5)


@by_edit
def test_an_edit_leaves_the_expected_nodes(edit: Edit) -> None:
    model = graph(CASES[edit.name].body)
    edit.apply(model, CONFIG)
    common.RemoveUnusedNodesPass()(model)
    assert Counter(node.op_type for node in model.graph) == CASES[edit.name].after


@by_edit
def test_an_edit_does_not_touch_what_is_something_else(edit: Edit) -> None:
    model = graph(CASES[edit.name].other)
    count = len(model.graph)
    outcome = edit.apply(model, CONFIG)
    assert outcome.places == 0
    assert outcome.why_not
    assert str(outcome).startswith("not applied: ")
    assert len(model.graph) == count


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_real_graph_gets_every_edit_it_can(exported: Exported, architecture: str) -> None:
    path = exported(architecture)
    bundle = Bundle.from_metadata(onnxruntime.InferenceSession(path).get_modelmeta().custom_metadata_map)
    assert bundle is not None
    layers = bundle.config.num_hidden_layers
    places = dict.fromkeys((edit.name for edit in EDITS), f"{layers} places")
    places["fuse_residual_norm"] = f"{2 * layers} places"
    places["sum_embeddings"] = "1 place"
    places["fold_weights"] = "not applied: nothing depends on weights alone"  # PyTorch folded what is so small
    if architecture == "cased":
        places["fuse_bias_gelu"] = "not applied: no exact Gelu behind a bias (hidden_act is gelu_new)"
    assert bundle.record.edits == places
    left = {node.op_type for node in ir.load(path).graph}
    assert not left & {"Transpose", "Conv", "Softmax", "Erf", "Where"}


def test_a_portable_graph_keeps_attention_as_it_is(exported: Exported) -> None:
    path = exported(target="portable")
    bundle = Bundle.from_metadata(onnxruntime.InferenceSession(path).get_modelmeta().custom_metadata_map)
    assert bundle is not None
    refused = {name: outcome for name, outcome in bundle.record.edits.items() if outcome.startswith("not")}
    assert refused.pop("fuse_attention") == "not applied: it would need operators that are not standard ONNX"
    assert refused.keys() <= {"fold_weights"}


def test_another_activation_is_named() -> None:
    config = ConvBertConfig(hidden_size=WIDTH, num_attention_heads=2 * HEADS_, hidden_act="relu")
    model = graph(NORM)
    assert "hidden_act is relu" in str(apply_edits(model, config, "cpu")["fuse_bias_gelu"])
