"""The ONNX functions of our operators against their formulas."""

from typing import Any

import numpy as np
import onnx
import onnx.reference
import onnx_ir as ir
import onnxruntime
import operators_page
import pytest
from operator_formulas import FORMULAS, example

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.exporters.functions import add_functions, inline_functions
from convbert_onnx.operators import DOMAIN, OPERATORS, Operator

HEADS, SIZE, CHANNELS = 3, 5, 4
SMALL = ConvBertConfig(hidden_size=HEADS * CHANNELS, num_attention_heads=2 * HEADS, conv_kernel_size=SIZE)
CASES = [(operator, masked) for operator in OPERATORS for masked in ([False, True] if operator.optional else [False])]
every_operator = pytest.mark.parametrize(
    ("operator", "masked"), CASES, ids=lambda case: case.name if isinstance(case, Operator) else str(case)
)


def small_graph(operator: Operator, masked: bool, opset: int = 18) -> ir.Model:
    """A graph that is one node of ours."""
    feed, attributes = example(operator.name, 2, 7, heads=HEADS, channels=CHANNELS, size=SIZE, masked=masked)
    types = {"int64": ir.DataType.INT64, "float32": ir.DataType.FLOAT}
    axes = {3: ["B", "S", "C"], 2: ["B", "S"]}
    inputs = [
        ir.val(
            name,
            types[str(array.dtype)],
            array.shape if name in ("weight", "bias", "gamma", "beta") else axes[array.ndim],
        )
        for name, array in feed.items()
    ]
    node = ir.node(operator.name, inputs, attributes, domain=DOMAIN, num_outputs=len(operator.outputs))
    for value, name in zip(node.outputs, operator.outputs, strict=True):
        value.name, value.type, value.shape = name, ir.TensorType(ir.DataType.FLOAT), ir.Shape(["B", "S", "C"])
    graph = ir.Graph(inputs, node.outputs, nodes=[node], opset_imports={"": opset, DOMAIN: 1}, name="small")
    model = ir.Model(graph, ir_version=8)
    add_functions(model, SMALL)
    return model


def run(model: ir.Model, feed: dict[str, np.ndarray]) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(ir.to_proto(model).SerializeToString())
    outputs: list[np.ndarray] = session.run(None, feed)
    return outputs


def feed_of(operator: Operator, masked: bool, length: int) -> tuple[dict[str, np.ndarray], list[np.ndarray]]:
    feed, attributes = example(operator.name, 2, length, heads=HEADS, channels=CHANNELS, size=SIZE, masked=masked)
    return feed, FORMULAS[operator.name](feed, attributes)


@every_operator
@pytest.mark.parametrize("length", [1, 2, 4, 5, 17])
def test_the_function_computes_the_formula(operator: Operator, masked: bool, length: int) -> None:
    model = small_graph(operator, masked)
    proto = ir.to_proto(model)
    onnx.checker.check_model(proto, full_check=True)
    feed, expected = feed_of(operator, masked, length)
    evaluated: Any = onnx.reference.ReferenceEvaluator(proto).run(None, feed)
    for ours, elsewhere, formula in zip(run(model, feed), evaluated, expected, strict=True):
        np.testing.assert_allclose(ours, formula, atol=2e-6)
        np.testing.assert_allclose(elsewhere, formula, atol=2e-6)


@every_operator
def test_the_comparison_notices_an_input_that_is_shifted(operator: Operator, masked: bool) -> None:
    feed, expected = feed_of(operator, masked, 17)
    first = next(iter(feed))
    shifted = feed | {first: np.roll(feed[first], 1, axis=1)}
    outputs = run(small_graph(operator, masked), shifted)
    assert all(np.abs(ours - formula).max() > 0.1 for ours, formula in zip(outputs, expected, strict=True))


@every_operator
@pytest.mark.parametrize("opset", [18, 23])
def test_inlining_leaves_standard_operators_only(operator: Operator, masked: bool, opset: int) -> None:
    model = small_graph(operator, masked, opset)
    inline_functions(model)
    assert {node.domain for node in model.graph} == {""}
    assert model.opset_imports == {"": opset}
    assert not model.functions
    feed, expected = feed_of(operator, masked, 9)
    for ours, formula in zip(run(model, feed), expected, strict=True):
        np.testing.assert_allclose(ours, formula, atol=2e-6)


@pytest.mark.parametrize("operator", [operator for operator in OPERATORS if operator.optional], ids=lambda o: o.name)
def test_masked_values_may_be_anything(operator: Operator) -> None:
    feed, expected = feed_of(operator, True, 6)
    feed[next(iter(feed))][1, 3:] = np.nan
    (ours,) = run(small_graph(operator, True), feed)
    np.testing.assert_allclose(ours, expected[0], atol=2e-6)


def test_a_graph_without_our_operators_gets_no_function() -> None:
    model = ir.from_onnx_text(
        '<ir_version: 8, opset_import: ["" : 18]> plain (float[N] x) => (float[N] y) { y = Relu(x) }'
    )
    add_functions(model, SMALL)
    assert not model.functions


def test_the_documentation_is_made_of_the_table() -> None:
    assert operators_page.PAGE.read_text(encoding="utf-8") == operators_page.page()
