"""Small graphs for the tests of graph edits, and what every edit must do to them."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir
import onnxruntime
from onnx_ir.passes import common

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.exporters.edits.apply import apply_edits
from convbert_onnx.exporters.edits.base import Edit
from convbert_onnx.exporters.functions import add_functions

__all__ = ["CONFIG", "NORM", "Case", "build_graph", "check_edit"]

_HEADS, _SIZE, _WIDTH, _KERNEL = 2, 4, 8, 3
CONFIG = ConvBertConfig(hidden_size=_WIDTH, num_attention_heads=2 * _HEADS, conv_kernel_size=_KERNEL)

NORM = """
    product = MatMul (x, w)
    biased = Add (product, b)
    total = Add (x, biased)
    y = LayerNormalization <axis = -1, epsilon = 0.001> (total, gamma, b)
"""


@dataclass(frozen=True)
class Case:
    """The case of an edit.

    Attributes:
        body: a graph that the edit changes in one place.
        operators: the number of nodes of each operator afterwards.
        lookalike: a similar graph that the edit must not change.
    """

    body: str
    operators: dict[str, int]
    lookalike: str


def check_edit(edit: Edit, case: Case) -> None:
    """Check that an edit applies once and keeps the results, leaves the right nodes, and does not touch a lookalike."""
    _check_results(edit, case)
    model = build_graph(case.body)
    edit.apply(model, CONFIG)
    common.RemoveUnusedNodesPass()(model)
    assert Counter(node.op_type for node in model.graph) == case.operators
    model = build_graph(case.lookalike)
    count = len(model.graph)
    outcome = edit.apply(model, CONFIG)
    assert (outcome.places, len(model.graph)) == (0, count)
    assert str(outcome).startswith("not applied: ") and outcome.why_not


def _check_results(edit: Edit, case: Case) -> None:
    model = build_graph(case.body)
    expected = _run(build_graph(case.body))
    assert edit.apply(model, CONFIG).places == 1
    apply_edits(model, CONFIG, "portable")  # which removes unused nodes after the edits
    add_functions(model, CONFIG)
    # Results at padding, the last two positions of row 1, have no meaning.
    np.testing.assert_allclose(_run(model)[0], expected[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(_run(model)[1, :3], expected[1, :3], rtol=1e-4, atol=1e-5)


def build_graph(body: str) -> ir.Model:
    """A graph with this body on x [B, S, 8] and mask [B, S], and weights for it."""
    random = np.random.default_rng(0)
    weights = {
        "w": random.standard_normal((_WIDTH, _WIDTH), np.float32),
        "w2": random.standard_normal((_WIDTH, _WIDTH), np.float32),
        "b": random.standard_normal(_WIDTH, np.float32),
        "gamma": random.standard_normal(_WIDTH, np.float32),
        "kernel": random.standard_normal((_WIDTH, 1, _KERNEL), np.float32),
        "root": np.float32(2**0.5),
        "root_size": np.float32(_SIZE**0.5),
        "lowest": np.finfo(np.float32).min,
        "zero": np.float32(0),
        "one": np.float32(1),
        "half": np.float32(0.5),
        "by_head": np.array([0, 0, _HEADS, _SIZE]),
        "flat": np.array([0, 0, _WIDTH]),
    }
    model = ir.from_onnx_text(
        f"""<ir_version: 8, opset_import: ["" : 18, "com.microsoft" : 1]>
        small (float[B, S, {_WIDTH}] x, int64[B, S] mask) => (float[B, S, {_WIDTH}] y)
        <float[B, S, {_HEADS}, {_SIZE}] q4> {{ {body} }}"""
    )
    for node in list(model.graph):
        for index, value in enumerate(node.inputs):
            if value is not None and value.name in weights:
                node.replace_input_with(index, _initializer(model, value.name, weights[value.name]))
    return model


def _initializer(model: ir.Model, name: str, array: Any) -> ir.Value:
    if name not in model.graph.initializers:
        model.graph.register_initializer(ir.val(name, const_value=ir.tensor(np.asarray(array), name=name)))
    return model.graph.initializers[name]


def _run(model: ir.Model) -> np.ndarray:
    random = np.random.default_rng(1)
    feed = {
        "x": random.standard_normal((2, 5, _WIDTH), np.float32),
        "mask": np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]),
    }
    session = onnxruntime.InferenceSession(ir.to_proto(model).SerializeToString())
    inputs = {spec.name for spec in session.get_inputs()}
    (result,) = session.run(None, {name: array for name, array in feed.items() if name in inputs})
    return np.asarray(result)
