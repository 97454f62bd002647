from typing import Any

import numpy as np
import onnx
import onnx.reference
import onnx_ir as ir
import onnxruntime
import operators_page
import pytest
from operator_files import operator_graph
from operator_formulas import FORMULAS, Sizes, assert_close, example

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.exporters.functions import add_functions, inline_functions
from convbert_onnx.operators import DOMAIN, OPERATORS, Operator

SIZES = Sizes(heads=3, channels=4, size=5)
CASES = [(operator, masked) for operator in OPERATORS for masked in ([False, True] if operator.optional else [False])]
every_operator = pytest.mark.parametrize(
    ("operator", "masked"), CASES, ids=lambda case: case.name if isinstance(case, Operator) else str(case)
)


def run(model: ir.Model, feed: dict[str, np.ndarray]) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(ir.to_proto(model).SerializeToString())
    outputs: list[np.ndarray] = session.run(None, feed)
    return outputs


def feed_of(operator: Operator, masked: bool, length: int) -> tuple[dict[str, np.ndarray], list[np.ndarray]]:
    feed, attributes = example(operator.name, 2, length, **SIZES._asdict(), masked=masked)
    return feed, FORMULAS[operator.name](feed, attributes)


@every_operator
@pytest.mark.parametrize("length", [1, 2, 4, 5, 17])
def test_functions_compute_the_formulas(operator: Operator, masked: bool, length: int) -> None:
    model = operator_graph(operator, masked, SIZES)
    proto = ir.to_proto(model)
    onnx.checker.check_model(proto, full_check=True)
    feed, expected = feed_of(operator, masked, length)
    assert_close(run(model, feed), expected)
    if not operator.opsets:
        evaluated: Any = onnx.reference.ReferenceEvaluator(proto).run(None, feed)
        assert_close(evaluated, expected)


@every_operator
def test_the_comparison_fails_for_a_shifted_input(operator: Operator, masked: bool) -> None:
    feed, expected = feed_of(operator, masked, 17)
    first = next(iter(feed))
    shifted = feed | {first: np.roll(feed[first], 1, axis=1)}
    for ours, formula in zip(run(operator_graph(operator, masked, SIZES), shifted), expected, strict=True):
        with pytest.raises(AssertionError):
            assert_close([ours], [formula], tolerance=0.01)


@every_operator
@pytest.mark.parametrize("opset", [18, 23])
def test_inline_functions_leaves_standard_operators(operator: Operator, masked: bool, opset: int) -> None:
    model = operator_graph(operator, masked, SIZES, opset)
    inline_functions(model)
    others = {domain: version for domain, version in operator.opsets.items() if domain != DOMAIN}
    assert {node.domain for node in model.graph} <= {"", *others}
    assert model.opset_imports == {"": opset, **others}
    assert not model.functions
    feed, expected = feed_of(operator, masked, 9)
    assert_close(run(model, feed), expected)


CONVOLUTIONS = [operator for operator in OPERATORS if operator.optional and "Conv" in operator.name]


@pytest.mark.parametrize("operator", CONVOLUTIONS, ids=lambda operator: operator.name)
def test_masked_values_have_no_effect(operator: Operator) -> None:
    feed, expected = feed_of(operator, True, 6)
    feed[next(iter(feed))][1, 3:] = np.nan
    assert_close(run(operator_graph(operator, True, SIZES), feed), expected)


@pytest.mark.parametrize("factor", [1, 30])
def test_attention_without_real_keys_averages_all_values(factor: float) -> None:
    (operator,) = (operator for operator in OPERATORS if operator.name == "MaskedAttention")
    feed, _ = feed_of(operator, True, 6)
    feed |= {"query": feed["query"] * np.float32(factor), "mask": np.array([[1, 0, -1, 1, 0, 7], [0] * 6])}
    (output,) = run(operator_graph(operator, True, SIZES), feed)
    assert_close([output], FORMULAS[operator.name](feed, {"num_heads": SIZES.heads}))
    np.testing.assert_allclose(output[1], np.tile(feed["value"][1].mean(axis=0), (6, 1)), rtol=0, atol=1e-6)


def test_a_graph_without_our_operators_gets_no_function() -> None:
    model = ir.from_onnx_text(
        '<ir_version: 8, opset_import: ["" : 18]> plain (float[N] x) => (float[N] y) { y = Relu(x) }'
    )
    add_functions(model, ConvBertConfig())
    assert not model.functions


def test_the_operators_page_is_generated_from_the_table() -> None:
    assert operators_page.PAGE.read_text(encoding="utf-8") == operators_page.page()
