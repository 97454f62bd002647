from collections import Counter

import numpy as np
import onnx_ir as ir
import pytest
from golden import Exported
from numpy.typing import NDArray

from convbert_onnx.exporters.initializers import initializer
from convbert_onnx.exporters.quantization.weight_matmuls import (
    embedding_table,
    is_weight_matmul,
    nodes_by_layer,
    weight_matmuls,
    weight_name,
)


def matmul(weight: NDArray[np.float32], name: str = "dense.weight") -> ir.Node:
    model = ir.from_onnx_text(
        '<ir_version: 8, opset_import: ["" : 18]> g (float[N, K] x, float[K, M] w) => (float[N, M] y) '
        "{ y = MatMul (x, w) }"
    )
    (node,) = model.graph
    node.replace_input_with(1, initializer(model.graph, name, weight))
    return node


@pytest.mark.parametrize("target", ["cpu", "portable"])
def test_weight_matmuls_are_the_same_in_each_layer(exported: Exported, target: str) -> None:
    model = ir.load(exported(target=target))
    by_layer = Counter(matmul.layer for matmul in weight_matmuls(model))
    assert set(by_layer) == {0, 1, 2}
    assert len(set(by_layer.values())) == 1
    others = {matmul.layer for matmul in weight_matmuls(model, float_layers={1})}
    assert others == {0, 2}
    assert all(matmul.input is matmul.node.inputs[0] for matmul in weight_matmuls(model))


def test_layers_begin_with_the_embeddings_and_end_before_the_head(exported: Exported) -> None:
    layers = [(node.op_type, layer) for node, layer in nodes_by_layer(ir.load(exported()))]
    assert layers[0][1] == 0
    assert layers[-1][1] == 3
    assert [layer for kind, layer in layers if kind == "SpanDynamicConv"] == [0, 1, 2]


@pytest.mark.parametrize(
    ("shape", "name", "expected"),
    [
        ((256, 64), "dense.weight", True),
        ((256, 63), "dense.weight", False),
        ((64, 32), "dense.weight", True),
        ((64, 31), "dense.weight", False),
        ((768, 2), "classifier.weight", False),
        ((128, 256), "embeddings.project.weight", False),
        ((4, 64, 64), "dense.weight", False),
    ],
)
def test_narrow_weights_and_the_projection_are_left_out(shape: tuple[int, ...], name: str, expected: bool) -> None:
    assert is_weight_matmul(matmul(np.ones(shape, np.float32), name), ()) == expected


def test_a_transposed_table_counts_if_it_is_quantized() -> None:
    node = matmul(np.ones((8, 100), np.float32))
    assert embedding_table(node.inputs[1]) is None
    table = ir.val("words.weight")
    transposed = ir.node("Transpose", [table], {"perm": [1, 0]}).outputs[0]
    node.replace_input_with(1, transposed)
    assert embedding_table(transposed) is table
    assert is_weight_matmul(node, {table})
    assert not is_weight_matmul(node, ())
    assert not is_weight_matmul(ir.node("Add", node.inputs), {table})


def test_weight_name_has_no_suffix() -> None:
    assert weight_name(matmul(np.ones((64, 64), np.float32), "layer.0.dense.weight")) == "layer.0.dense"
