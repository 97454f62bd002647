"""int8 for files with our operators: matmuls with an activation scale per token and a weight scale per column."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from convbert_onnx.exporters.initializers import as_array, initializer, is_vector
from convbert_onnx.exporters.quantization.plan import Plan
from convbert_onnx.exporters.quantization.weight_int8 import int8_weight, pack_panels, quantize_columns
from convbert_onnx.exporters.quantization.weight_matmuls import (
    Tables,
    embedding_table,
    is_weight_matmul,
    nodes_by_layer,
    weight_name,
)
from convbert_onnx.operators import DOMAIN, OPERATORS
from convbert_onnx.quantized_functions import PANEL_DEPTH

__all__ = ["rewrite"]

_ZERO_POINT = 128
"""Zero point of quantized activations."""

_GELU_ZERO_POINT = 16
"""Zero point of the outputs of Gelu, which are at least -0.17."""

_EPILOGUES = {
    "Add": "DequantizeBias",
    "BiasSplit": "DequantizeBiasSplit",
    "BiasMul": "DequantizeBiasMul",
    "BiasGelu": "DequantizeBiasGelu",
    "AddLayerNorm": "DequantizeAddLayerNorm",
}
"""The float operator after a matmul -> its counterpart after an int8 matmul."""

_QUANTIZING_PRODUCERS = {"Concat": "ConcatQuantize", "DepthwiseConv": "DepthwiseConvQuantize"}
"""The producer of an activation -> the operator that also quantizes its output in the same pass."""

_OUTPUT_COUNTS = {operator.name: len(operator.outputs) for operator in OPERATORS}


@dataclass(frozen=True)
class _Linear:
    """A linear layer: a matmul with a constant weight, or several on groups of channels, and the node that adds a bias.

    Attributes:
        matmuls: MatMul nodes, one per group.
        bias: the bias.
        epilogue: the node after the matmuls, which adds the bias.
    """

    matmuls: tuple[ir.Node, ...]
    bias: ir.Value
    epilogue: ir.Node

    @property
    def input(self) -> ir.Value:
        """The activation that it reads, before it is split into groups."""
        return _before_split(self.matmuls[0].inputs[0])

    @property
    def name(self) -> str:
        """The name of its first weight."""
        return weight_name(self.matmuls[0])


def rewrite(model: ir.Model, plan: Plan, tables: Tables) -> None:
    """Replace linear layers, except for narrow ones such as heads, by int8 matmuls and dequantizing epilogues.

    Args:
        model: a graph after the edits, with our operators.
        plan: how to quantize. For 64-bit ARM, matmuls stay onnxruntime's MatMulInteger; elsewhere a matmul and its
            epilogue are one operator, for which there are native kernels.
        tables: the quantized embedding tables.
    """
    linears = [
        linear
        for node, layer in nodes_by_layer(model)
        if layer not in plan.float_layers and (linear := _linear_of(node, tables)) is not None
    ]
    selected = [linear for linear in linears if not _feeds_float(linear, linears)]  # before any of them is rewritten
    rewriter = _Rewriter(model.graph, plan, tables)
    for linear in selected:
        rewriter.rewrite(linear)


def _linear_of(epilogue: ir.Node, tables: Tables) -> _Linear | None:
    """The linear layer that a node completes, where it is worth quantizing."""
    if epilogue.op_type not in _EPILOGUES:
        return None
    biases = [value for value in epilogue.inputs if value is not None and is_vector(value)]
    joined = next((value for value in epilogue.inputs if value is not None and value.producer() is not None), None)
    if epilogue.op_type != "Add":
        joined, biases = epilogue.inputs[0], [value for value in epilogue.inputs[1:2] if value is not None]
    producer = joined.producer() if joined is not None else None
    if joined is None or producer is None or len(biases) != 1 or len(joined.consumers()) != 1:
        return None
    groups = producer.inputs if producer.op_type == "Concat" else [joined]
    nodes = [value.producer() for value in groups if value is not None]
    matmuls = tuple(node for node in nodes if node is not None and is_weight_matmul(node, tables))
    inputs = {_before_split(node.inputs[0]) for node in matmuls}
    if len(matmuls) != len(nodes) or len(inputs) != 1:
        return None
    return _Linear(matmuls, biases[0], epilogue)


def _before_split(value: ir.Value | None) -> ir.Value:
    assert value is not None
    node = value.producer()
    split = node is not None and node.op_type == "Split" and node.inputs[0] is not None
    return node.inputs[0] if split else value  # type: ignore[union-attr, return-value]


def _feeds_float(linear: _Linear, linears: list[_Linear]) -> bool:
    """Whether a consumer needs the float output of this layer's Gelu, which is quantized in the same pass."""
    if linear.epilogue.op_type != "BiasGelu":
        return False
    int8_matmuls = {matmul for other in linears for matmul in other.matmuls}
    consumers = list(linear.epilogue.outputs[0].consumers())
    for node in list(consumers):
        if node.op_type == "Split":
            consumers.remove(node)
            consumers += [consumer for output in node.outputs for consumer in output.consumers()]
    return not int8_matmuls.issuperset(consumers)


@dataclass(frozen=True)
class _QuantizedRows:
    """An activation in uint8, its scale per row, and its zero point."""

    values: ir.Value
    scale: ir.Value
    zero_point: int = _ZERO_POINT


class _Rewriter:
    """Writes int8 matmuls into a graph; quantized activations and zero points that several of them read are shared."""

    def __init__(self, graph: ir.Graph, plan: Plan, tables: Tables) -> None:
        self._graph = graph
        self._tables = tables
        self._fit_pairs = plan.fit_pairs
        self._use_panels = plan.cpu != "arm64"
        self._rows: dict[ir.Value, _QuantizedRows] = {}
        self._splits: dict[ir.Value, ir.Value] = {}
        self._zero_points: dict[int, ir.Value] = {}

    def rewrite(self, linear: _Linear) -> None:
        """Replace a linear layer by an int8 matmul and its epilogue."""
        epilogue = linear.epilogue
        if linear.input not in self._rows:
            self._rows[linear.input] = self._quantize(linear.input, linear.matmuls[0])
        name = _EPILOGUES[epilogue.op_type]
        others = [] if epilogue.op_type == "Add" else epilogue.inputs[2:]
        node = self._fused(linear, name, others) or self._unfused(linear, name, others)
        if name == "DequantizeBiasGelu":
            self._rows[epilogue.outputs[0]] = _QuantizedRows(node.outputs[0], node.outputs[1], _GELU_ZERO_POINT)
            return
        for old, new in zip(epilogue.outputs, node.outputs, strict=False):
            new.type, new.shape = old.type, old.shape
            if old in self._graph.outputs:
                new.name = old.name
            ir.convenience.replace_all_uses_with(old, new, replace_graph_outputs=True)
        if name == "DequantizeAddLayerNorm":
            self._rows[node.outputs[0]] = _QuantizedRows(node.outputs[1], node.outputs[2])

    def _fused(self, linear: _Linear, name: str, others: Sequence[ir.Value | None]) -> ir.Node | None:
        """One operator for matmul and epilogue, where it exists and the weight can be packed into panels."""
        operator = f"MatMul{name}" if len(linear.matmuls) == 1 else f"GroupedMatMul{name}"
        weights = [matmul.inputs[1] for matmul in linear.matmuls]
        if not self._use_panels or operator not in _OUTPUT_COUNTS or embedding_table(weights[0]) in self._tables:
            return None
        if any(len(as_array(weight)) % PANEL_DEPTH for weight in weights):
            return None
        rows = self._rows[linear.input]
        groups = [quantize_columns(as_array(weight), self._fit_pairs) for weight in weights]
        panels = np.stack([pack_panels(quantized) for quantized, _ in groups])
        weight = initializer(self._graph, f"{linear.name}.panels", panels if len(groups) > 1 else panels[0])
        scales = np.concatenate([scales for _, scales in groups])
        column_scales = initializer(self._graph, f"{linear.name}.scales", scales)
        inputs = [rows.values, weight, rows.scale, column_scales, linear.bias, *others]
        return self._node(linear, operator, inputs, [ir.AttrInt64("zero_point", rows.zero_point)])

    def _unfused(self, linear: _Linear, name: str, others: Sequence[ir.Value | None]) -> ir.Node:
        """A MatMulInteger for each group, and the epilogue."""
        rows = self._rows[linear.input]
        integers, scales = [], []
        for matmul in linear.matmuls:
            weight, column_scale = int8_weight(self._graph, matmul, self._fit_pairs, self._tables)
            zero_point = self._zero_point(rows.zero_point)
            node = ir.node("MatMulInteger", [self._group(matmul.inputs[0]), weight, zero_point])
            self._graph.insert_before(linear.epilogue, node)
            integers.append(node.outputs[0])
            scales.append(column_scale)
        if len(integers) > 1:
            join = ir.node("Concat", integers, {"axis": -1})
            self._graph.insert_before(linear.epilogue, join)
            integers = [join.outputs[0]]
        column_scales = scales[0]
        if len(scales) > 1:
            joined = np.concatenate([as_array(scale) for scale in scales])
            column_scales = initializer(self._graph, f"{linear.name}.joined_scales", joined)
        return self._node(linear, name, [integers[0], rows.scale, column_scales, linear.bias, *others], [])

    def _node(
        self, linear: _Linear, name: str, inputs: Sequence[ir.Value | None], attributes: Sequence[ir.Attr]
    ) -> ir.Node:
        own = [*linear.epilogue.attributes.values(), *attributes]
        node = ir.Node(DOMAIN, name, inputs, own, num_outputs=_OUTPUT_COUNTS[name])
        self._graph.insert_before(linear.epilogue, node)
        return node

    def _zero_point(self, number: int) -> ir.Value:
        if number not in self._zero_points:
            array = np.array(number, np.uint8)
            self._zero_points[number] = initializer(self._graph, f"zero_point_{number}", array)
        return self._zero_points[number]

    def _quantize(self, activation: ir.Value, before: ir.Node) -> _QuantizedRows:
        """Quantize an activation: in the pass that computes it where an operator does that, or in a pass of its own."""
        producer = activation.producer()
        name, inputs = "Quantize", list[ir.Value | None]([activation])
        if producer is not None and producer.op_type in _QUANTIZING_PRODUCERS and len(activation.consumers()) == 1:
            name, inputs = _QUANTIZING_PRODUCERS[producer.op_type], list(producer.inputs)
        node = ir.node(name, inputs, domain=DOMAIN, num_outputs=2)
        self._graph.insert_before(before, node)
        return _QuantizedRows(node.outputs[0], node.outputs[1])

    def _group(self, value: ir.Value | None) -> ir.Value:
        """The quantized input of one group's matmul."""
        assert value is not None
        if value in self._rows:
            return self._rows[value].values
        if value not in self._splits:
            split = value.producer()
            assert split is not None and split.inputs[0] is not None
            inputs = [self._rows[split.inputs[0]].values, *split.inputs[1:]]
            node = ir.node("Split", inputs, split.attributes, num_outputs=len(split.outputs))
            self._graph.insert_before(split, node)
            self._splits |= dict(zip(split.outputs, node.outputs, strict=True))
        return self._splits[value]
