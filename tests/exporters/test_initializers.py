import numpy as np
import onnx_ir as ir
import pytest

from convbert_onnx.exporters.initializers import as_array, has_values, initializer, is_vector


@pytest.fixture
def graph() -> ir.Graph:
    return ir.from_onnx_text(
        '<ir_version: 8, opset_import: ["" : 18]> g (float[N] x) => (float[N] y) '
        "{ two = Constant <value = float {2.0}> () y = Mul (x, two) }"
    ).graph


def test_initializer_adds_a_weight_to_the_graph(graph: ir.Graph) -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    value = initializer(graph, "dense.weight", array)
    assert graph.initializers["dense.weight"] is value
    assert (value.dtype, list(value.shape or [])) == (ir.DataType.FLOAT, [2, 3])
    np.testing.assert_array_equal(as_array(value), array)


def test_has_values_reads_constants_and_initializers(graph: ir.Graph) -> None:
    constant = graph[0].outputs[0]
    weight = initializer(graph, "axes", np.array([[1], [2]], np.int64))
    assert has_values(constant, 2) and has_values(constant, 2 + 1e-7)
    assert has_values(weight, 1, 2)
    assert not has_values(constant, 2.1)
    assert not has_values(weight, 1)
    assert not has_values(graph.inputs[0], 2)
    assert not has_values(None, 2)


@pytest.mark.parametrize(("shape", "expected"), [((3,), True), ((), False), ((3, 1), False)])
def test_is_vector(graph: ir.Graph, shape: tuple[int, ...], expected: bool) -> None:
    assert is_vector(initializer(graph, "bias", np.ones(shape, np.float32))) == expected
    assert not is_vector(graph.inputs[0])
    assert not is_vector(None)
