"""The matmul floor: a model's matmuls alone, in float32 or int8, as a lower bound of the latency on the same engine.

Every layer has its own weights, so that they stream through the caches as in the model. A matmul whose operand is the
previous matmul's output uses that output; operands that the model computes in other ways are graph inputs.
"""

import math
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from convbert_onnx import ConvBertConfig

__all__ = ["int8_matmul_inputs", "matmul_inputs", "write_int8_matmuls", "write_matmuls"]

Inputs = dict[str, NDArray[np.float32]]


def write_matmuls(config: ConvBertConfig, path: Path) -> None:
    """Write an ONNX file with the float32 matmuls of a model; :func:`matmul_inputs` makes its inputs."""
    graph = _Graph()
    hidden = "hidden"
    if config.embedding_size != config.hidden_size:
        hidden = graph.weight_matmul("embedded", config.embedding_size, config.hidden_size)
    for _ in range(config.num_hidden_layers):
        hidden = _layer(graph, config, hidden)
    graph.write(path, hidden)


def write_int8_matmuls(config: ConvBertConfig, path: Path) -> None:
    """Write an ONNX file with the matmuls of an int8 export; :func:`int8_matmul_inputs` makes its inputs."""
    graph = _Graph()
    if config.embedding_size != config.hidden_size:
        graph.int8_matmul(config.embedding_size, config.hidden_size)
    size, inner, groups = config.hidden_size, config.intermediate_size, config.num_groups
    for _ in range(config.num_hidden_layers):
        graph.int8_matmul(size, 4 * config.mixed_size)
        graph.int8_matmul(size, config.mixed_size)
        graph.int8_matmul(size, size)
        for _ in range(groups):
            graph.int8_matmul(size // groups, inner // groups)
            graph.int8_matmul(inner // groups, size // groups)
    graph.write_int8(path)


def int8_matmul_inputs(config: ConvBertConfig, batch: int, length: int) -> dict[str, NDArray[np.uint8]]:
    """Random inputs for the file, by name."""
    random = np.random.default_rng(0)
    size, inner, groups = config.hidden_size, config.intermediate_size, config.num_groups
    widths = {size, size // groups, inner // groups}
    if config.embedding_size != size:
        widths.add(config.embedding_size)
    return {f"uint8_{width}": random.integers(0, 256, (batch * length, width), np.uint8) for width in sorted(widths)}


def matmul_inputs(config: ConvBertConfig, batch: int, length: int) -> Inputs:
    """Random inputs for the file, by name."""
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
    graph.weight_matmul(hidden, size, 4 * mixed)  # query, key, value and the values of the span convolution
    span_key = graph.weight_matmul(hidden, size, mixed)  # pointwise
    graph.weight_matmul(span_key, mixed, config.num_mixed_heads * config.conv_kernel_size)  # the span's kernels
    scores = graph.matmul("queries", "keys")
    graph.matmul(scores, "values")
    output = graph.weight_matmul(hidden, size, size)
    if config.num_groups == 1:
        return graph.weight_matmul(graph.weight_matmul(output, size, inner), inner, size)
    for _ in range(config.num_groups):  # span_key has as many channels as one of two groups
        part = graph.weight_matmul(span_key, size // config.num_groups, inner // config.num_groups)
        graph.weight_matmul(part, inner // config.num_groups, size // config.num_groups)
    return output


class _Graph:
    """The nodes and weights of a graph under construction."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []
        self._random = np.random.default_rng(0)

    def weight_matmul(self, left: str, inputs: int, outputs: int) -> str:
        """Add a matmul with a random weight, scaled so that the output's variance is that of the input."""
        name = f"weight_{len(self._weights)}"
        weight = self._random.standard_normal((inputs, outputs), np.float32) / np.float32(math.sqrt(inputs))
        self._weights.append(numpy_helper.from_array(weight, name))
        return self.matmul(left, name)

    def matmul(self, left: str, right: str) -> str:
        name = f"matmul_{len(self._nodes)}"
        self._nodes.append(helper.make_node("MatMul", [left, right], [name]))
        return name

    def int8_matmul(self, inputs: int, outputs: int) -> None:
        """Add a matmul of uint8 rows (zero point 128) and 7-bit int8 weights, which cannot saturate on any CPU."""
        name = f"weight_{len(self._weights)}"
        weight = self._random.integers(-64, 65, (inputs, outputs), np.int8)
        self._weights.append(numpy_helper.from_array(weight, name))
        rows = [f"uint8_{inputs}", name, "zero_point"]
        self._nodes.append(helper.make_node("MatMulInteger", rows, [f"matmul_{len(self._nodes)}"]))

    def write_int8(self, path: Path) -> None:
        names = sorted({node.input[0] for node in self._nodes})
        inputs = [
            helper.make_tensor_value_info(name, TensorProto.UINT8, ["rows", int(name.removeprefix("uint8_"))])
            for name in names
        ]
        output = helper.make_tensor_value_info(self._nodes[-1].output[0], TensorProto.INT32, ["rows", "outputs"])
        weights = [*self._weights, numpy_helper.from_array(np.array(128, np.uint8), "zero_point")]
        graph = helper.make_graph(self._nodes, "matmuls", inputs, [output], weights)
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), path)

    def write(self, path: Path, output: str) -> None:
        used = {name for node in self._nodes for name in node.input}
        ranks = {"hidden": 2, "embedded": 2, "queries": 4, "keys": 4, "values": 4}
        inputs = [_value(name, rank) for name, rank in ranks.items() if name in used]
        graph = helper.make_graph(self._nodes, "matmuls", inputs, [_value(output, 2)], self._weights)
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), path)


def _value(name: str, rank: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [f"{name}_{axis}" for axis in range(rank)])
