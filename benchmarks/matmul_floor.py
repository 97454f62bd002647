"""The matrix products of a model and nothing else: the least time that any implementation on the same engine can take.

They are those of floats, or of the bytes that int8 files multiply.

Every layer has weights of its own, so that they stream through the caches as in the model. What one product needs from
another in the model comes from an input here; those that need only the previous product take it.
"""

import math
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from convbert_onnx import ConvBertConfig

__all__ = ["byte_product_inputs", "product_inputs", "write_byte_products", "write_products"]

Inputs = dict[str, NDArray[np.float32]]


def write_products(config: ConvBertConfig, path: Path) -> None:
    """An ONNX file with the products of a model of these sizes; inputs as :func:`product_inputs` makes them."""
    graph = _Graph()
    hidden = "hidden"
    if config.embedding_size != config.hidden_size:
        hidden = graph.product("embedded", config.embedding_size, config.hidden_size)
    for _ in range(config.num_hidden_layers):
        hidden = _layer(graph, config, hidden)
    graph.write(path, hidden)


def write_byte_products(config: ConvBertConfig, path: Path) -> None:
    """An ONNX file with the products that int8 files have; inputs as :func:`byte_product_inputs` makes them."""
    graph = _Graph()
    if config.embedding_size != config.hidden_size:
        graph.byte_product(config.embedding_size, config.hidden_size)
    size, inner, groups = config.hidden_size, config.intermediate_size, config.num_groups
    for _ in range(config.num_hidden_layers):
        graph.byte_product(size, 4 * config.mixed_size)
        graph.byte_product(size, config.mixed_size)
        graph.byte_product(size, size)
        for _ in range(groups):
            graph.byte_product(size // groups, inner // groups)
            graph.byte_product(inner // groups, size // groups)
    graph.write_bytes(path)


def byte_product_inputs(config: ConvBertConfig, batch: int, length: int) -> dict[str, NDArray[np.uint8]]:
    """Random inputs of the file."""
    random = np.random.default_rng(0)
    size, inner, groups = config.hidden_size, config.intermediate_size, config.num_groups
    widths = {size, size // groups, inner // groups}
    if config.embedding_size != size:
        widths.add(config.embedding_size)
    return {f"bytes_{width}": random.integers(0, 256, (batch * length, width), np.uint8) for width in sorted(widths)}


def product_inputs(config: ConvBertConfig, batch: int, length: int) -> Inputs:
    """Random inputs of the file."""
    random = np.random.default_rng(0)
    rows, heads = batch * length, config.num_mixed_heads
    depth = config.mixed_size // heads
    shapes: dict[str, tuple[int, ...]] = {
        "queries": (batch, heads, length, depth),
        "keys": (batch, heads, depth, length),
        "values": (batch, heads, length, depth),
    }
    if config.embedding_size != config.hidden_size:
        shapes["embedded"] = (rows, config.embedding_size)
    else:
        shapes["hidden"] = (rows, config.hidden_size)
    return {name: random.standard_normal(shape, np.float32) for name, shape in shapes.items()}


def _layer(graph: "_Graph", config: ConvBertConfig, hidden: str) -> str:
    size, mixed, inner = config.hidden_size, config.mixed_size, config.intermediate_size
    graph.product(hidden, size, 4 * mixed)  # query, key, value and the values of the span convolution
    span_key = graph.product(hidden, size, mixed)  # pointwise
    graph.product(span_key, mixed, config.num_mixed_heads * config.conv_kernel_size)  # the span's kernels
    scores = graph.node("queries", "keys")
    graph.node(scores, "values")
    output = graph.product(hidden, size, size)
    if config.num_groups == 1:
        return graph.product(graph.product(output, size, inner), inner, size)
    for _ in range(config.num_groups):  # span_key stands for a group's channels, of which it has as many for two groups
        part = graph.product(span_key, size // config.num_groups, inner // config.num_groups)
        graph.product(part, inner // config.num_groups, size // config.num_groups)
    return output


class _Graph:
    """Nodes and weights on their way to a file."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []
        self._random = np.random.default_rng(0)

    def product(self, left: str, inputs: int, outputs: int) -> str:
        """A product with a weight that keeps the size of numbers."""
        name = f"weight_{len(self._weights)}"
        weight = self._random.standard_normal((inputs, outputs), np.float32) / np.float32(math.sqrt(inputs))
        self._weights.append(numpy_helper.from_array(weight, name))
        return self.node(left, name)

    def node(self, left: str, right: str) -> str:
        name = f"product_{len(self._nodes)}"
        self._nodes.append(helper.make_node("MatMul", [left, right], [name]))
        return name

    def byte_product(self, inputs: int, outputs: int) -> None:
        """A product of unsigned bytes around 128 and signed ones of seven bits, which no CPU adds wrongly."""
        name = f"weight_{len(self._weights)}"
        weight = self._random.integers(-64, 65, (inputs, outputs), np.int8)
        self._weights.append(numpy_helper.from_array(weight, name))
        rows = [f"bytes_{inputs}", name, "zero_point"]
        self._nodes.append(helper.make_node("MatMulInteger", rows, [f"product_{len(self._nodes)}"]))

    def write_bytes(self, path: Path) -> None:
        names = sorted({node.input[0] for node in self._nodes})
        inputs = [
            helper.make_tensor_value_info(name, TensorProto.UINT8, ["rows", int(name.removeprefix("bytes_"))])
            for name in names
        ]
        output = helper.make_tensor_value_info(self._nodes[-1].output[0], TensorProto.INT32, ["rows", "outputs"])
        weights = [*self._weights, numpy_helper.from_array(np.array(128, np.uint8), "zero_point")]
        graph = helper.make_graph(self._nodes, "products", inputs, [output], weights)
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), path)

    def write(self, path: Path, output: str) -> None:
        used = {name for node in self._nodes for name in node.input}
        ranks = {"hidden": 2, "embedded": 2, "queries": 4, "keys": 4, "values": 4}
        inputs = [_value(name, rank) for name, rank in ranks.items() if name in used]
        graph = helper.make_graph(self._nodes, "products", inputs, [_value(output, 2)], self._weights)
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), path)


def _value(name: str, rank: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [f"{name}_{axis}" for axis in range(rank)])
