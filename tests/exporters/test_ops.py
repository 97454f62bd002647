"""The ONNX function of our operator against the operator in PyTorch."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.reference
import onnx_ir as ir
import onnxruntime
import pytest
import torch

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.exporters.ops import DOMAIN, OPERATORS, add_functions, inline_functions
from convbert_onnx.models.span_dynamic_conv import span_dynamic_conv

HEADS, SIZE, CHANNELS = 3, 5, 4
CONFIG = ConvBertConfig(hidden_size=2 * HEADS * CHANNELS, num_attention_heads=2 * HEADS, conv_kernel_size=SIZE)


def small_graph(masked: bool, opset: int = 18) -> ir.Model:
    """A graph that is one SpanDynamicConv."""
    mask_input, mask = (", int64[B, S] mask", ", mask") if masked else ("", "")
    model = ir.from_onnx_text(
        f"""
        <ir_version: 8, opset_import: ["" : {opset}, "{DOMAIN}" : 1]>
        small (float[B, S, {HEADS * CHANNELS}] values, float[B, S, {HEADS * SIZE}] logits{mask_input})
            => (float[B, S, {HEADS * CHANNELS}] output)
        {{
            output = {DOMAIN}.SpanDynamicConv <num_heads = {HEADS}, kernel_size = {SIZE}> (values, logits{mask})
        }}
        """
    )
    add_functions(model, CONFIG)
    return model


def inputs(length: int, masked: bool) -> dict[str, np.ndarray]:
    random = np.random.default_rng(length)
    values = random.standard_normal((2, length, HEADS * CHANNELS), np.float32)
    logits = random.standard_normal((2, length, HEADS * SIZE), np.float32)
    mask = (np.arange(length) < [[length], [max(1, length // 2)]]).astype(np.int64)
    return {"values": values, "logits": logits} | ({"mask": mask} if masked else {})


def expected(feed: dict[str, np.ndarray]) -> np.ndarray:
    mask = torch.from_numpy(feed["mask"]) if "mask" in feed else None
    values, logits = torch.from_numpy(feed["values"]), torch.from_numpy(feed["logits"])
    return span_dynamic_conv(values, logits, mask, num_heads=HEADS, kernel_size=SIZE).numpy()


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("length", [1, 2, 4, 5, 17])
def test_the_function_computes_the_operator(masked: bool, length: int) -> None:
    proto = ir.to_proto(small_graph(masked))
    onnx.checker.check_model(proto, full_check=True)
    feed = inputs(length, masked)
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    np.testing.assert_allclose(session.run(None, feed)[0], expected(feed), atol=1e-6)
    evaluated: Any = onnx.reference.ReferenceEvaluator(proto).run(None, feed)
    np.testing.assert_allclose(evaluated[0], expected(feed), atol=1e-6)


def test_the_comparison_notices_a_kernel_that_is_shifted() -> None:
    feed = inputs(17, False)
    session = onnxruntime.InferenceSession(ir.to_proto(small_graph(False)).SerializeToString())
    shifted = feed | {"values": np.roll(feed["values"], 1, axis=1)}
    assert np.abs(session.run(None, shifted)[0] - expected(feed)).max() > 0.1


@pytest.mark.parametrize("opset", [18, 23])
def test_inlining_leaves_standard_operators_only(opset: int) -> None:
    model = small_graph(True, opset)
    inline_functions(model)
    assert {node.domain for node in model.graph} == {""}
    assert model.opset_imports == {"": opset}
    assert not model.functions
    feed = inputs(9, True)
    session = onnxruntime.InferenceSession(ir.to_proto(model).SerializeToString())
    np.testing.assert_allclose(session.run(None, feed)[0], expected(feed), atol=1e-6)


def test_masked_values_may_be_anything() -> None:
    feed = inputs(6, True)
    clean = expected(feed)
    feed["values"][1, 3:] = np.nan
    session = onnxruntime.InferenceSession(ir.to_proto(small_graph(True)).SerializeToString())
    np.testing.assert_allclose(session.run(None, feed)[0], clean, atol=1e-6)


def test_a_graph_without_our_operators_gets_no_function() -> None:
    model = ir.from_onnx_text(
        '<ir_version: 8, opset_import: ["" : 18]> plain (float[N] x) => (float[N] y) { y = Relu(x) }'
    )
    add_functions(model, CONFIG)
    assert not model.functions


def test_the_documentation_has_the_operators() -> None:
    text = (Path(__file__).parents[2] / "docs" / "operators.md").read_text(encoding="utf-8")
    for operator in OPERATORS:
        assert f"## {operator.name}" in text
        for name, kind in {**operator.inputs, **operator.outputs}.items():
            assert f"| `{name}` | {kind}" in text
        assert all(f"`{attribute}`" in text for attribute in operator.attributes)
