"""Matrix products with fixed weights become products of bytes, with a scale for every token and for every column."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from convbert_onnx.bundle import Cpu
from convbert_onnx.exporters.initializers import initializer, is_vector, numbers_of
from convbert_onnx.exporters.quantization.weight_int8 import in_panels, quantize_columns, weight_in_bytes
from convbert_onnx.exporters.quantization.weight_matmuls import (
    Tables,
    has_fixed_weight,
    name_of_weight,
    nodes_by_layer,
    table_of,
)
from convbert_onnx.operators import DOMAIN, OPERATORS
from convbert_onnx.quantized_functions import PANEL_DEPTH
from convbert_onnx.runtime.sessions.cpu import pairs_saturate

__all__ = ["quantize_products"]

_ZERO_POINT = 128
"""Where rows of bytes have their zero."""

_ACTIVATED_ZERO_POINT = 16
"""Where rows that Gelu made have theirs."""

_EPILOGUES = {
    "Add": "DequantizeBias",
    "BiasSplit": "DequantizeBiasSplit",
    "BiasMul": "DequantizeBiasMul",
    "BiasGelu": "DequantizeBiasGelu",
    "AddLayerNorm": "DequantizeAddLayerNorm",
}
"""What stands behind a product, and what stands behind an integer product instead."""

_PRODUCERS = {"Concat": "ConcatQuantize", "DepthwiseConv": "DepthwiseConvQuantize"}
"""What makes rows, and what makes bytes of them in the same pass."""

_OUTPUTS = {operator.name: len(operator.outputs) for operator in OPERATORS}


@dataclass(frozen=True)
class _Product:
    """A product of rows and fixed weights, in one part or in groups side by side, with what follows it.

    Attributes:
        parts: MatMul nodes, one for each group.
        bias: the bias.
        epilogue: the node behind.
    """

    parts: tuple[ir.Node, ...]
    bias: ir.Value
    epilogue: ir.Node

    @property
    def rows(self) -> ir.Value:
        """What goes in; where there are groups, before it is split among them."""
        return _before_split(self.parts[0].inputs[0])

    @property
    def name(self) -> str:
        """The name of its first weight."""
        return name_of_weight(self.parts[0])


def quantize_products(model: ir.Model, cpu: Cpu, tables: Tables, in_float: Collection[int] = ()) -> None:
    """Turn products into integer products, but for narrow ones such as heads.

    Args:
        model: a graph after the edits, with our operators.
        cpu: what the products are for. On 64-bit ARM they stay onnxruntime's; elsewhere they are one operator with what
            follows, for which there are native kernels.
        tables: bytes and scales of the tables of embeddings that are quantized already.
        in_float: layers whose products stay as they are.
    """
    found = [
        product
        for node, layer in nodes_by_layer(model)
        if layer not in in_float and (product := _product_before(node, tables)) is not None
    ]
    kept = [product for product in found if not _leaves_as_floats(product, found)]  # all judged before any is turned
    writer = _Writer(model.graph, cpu, tables)
    for product in kept:
        writer.turn(product)


def _product_before(epilogue: ir.Node, tables: Tables) -> _Product | None:
    """The product that a node follows, where it is worth quantizing."""
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
    parts = tuple(node for node in nodes if node is not None and has_fixed_weight(node, tables))
    rows = {_before_split(node.inputs[0]) for node in parts}
    if len(parts) != len(nodes) or len(rows) != 1:
        return None
    return _Product(parts, biases[0], epilogue)


def _before_split(value: ir.Value | None) -> ir.Value:
    assert value is not None
    node = value.producer()
    split = node is not None and node.op_type == "Split" and node.inputs[0] is not None
    return node.inputs[0] if split else value  # type: ignore[union-attr, return-value]


def _leaves_as_floats(product: _Product, turned: list[_Product]) -> bool:
    """Whether a Gelu's floats are wanted, which an integer product does not leave behind."""
    if product.epilogue.op_type != "BiasGelu":
        return False
    parts = {part for other in turned for part in other.parts}
    consumers = list(product.epilogue.outputs[0].consumers())
    for node in list(consumers):
        if node.op_type == "Split":
            consumers.remove(node)
            consumers += [consumer for output in node.outputs for consumer in output.consumers()]
    return not parts.issuperset(consumers)


@dataclass(frozen=True)
class _Rows:
    """Rows of bytes, their scales, and where they have their zero."""

    bytes: ir.Value
    scale: ir.Value
    zero_point: int = _ZERO_POINT


class _Writer:
    """Writes integer products into a graph; what several of them share is made once."""

    def __init__(self, graph: ir.Graph, cpu: Cpu, tables: Tables) -> None:
        self._graph = graph
        self._tables = tables
        self._fit_pairs = pairs_saturate(cpu)
        self._in_panels = cpu != "arm64"
        self._rows: dict[ir.Value, _Rows] = {}
        self._splits: dict[ir.Value, ir.Value] = {}
        self._zero_points: dict[int, ir.Value] = {}

    def turn(self, product: _Product) -> None:
        """Put an integer product and its epilogue in the place of a product."""
        epilogue = product.epilogue
        if product.rows not in self._rows:
            self._rows[product.rows] = self._bytes(product.rows, product.parts[0])
        name = _EPILOGUES[epilogue.op_type]
        others = [] if epilogue.op_type == "Add" else epilogue.inputs[2:]
        node = self._in_one_pass(product, name, others) or self._in_two(product, name, others)
        if name == "DequantizeBiasGelu":
            self._rows[epilogue.outputs[0]] = _Rows(node.outputs[0], node.outputs[1], _ACTIVATED_ZERO_POINT)
            return
        for old, new in zip(epilogue.outputs, node.outputs, strict=False):
            new.type, new.shape = old.type, old.shape
            if old in self._graph.outputs:
                new.name = old.name
            ir.convenience.replace_all_uses_with(old, new, replace_graph_outputs=True)
        if name == "DequantizeAddLayerNorm":
            self._rows[node.outputs[0]] = _Rows(node.outputs[1], node.outputs[2])

    def _in_one_pass(self, product: _Product, name: str, others: Sequence[ir.Value | None]) -> ir.Node | None:
        """One operator for product and epilogue, where there is one and the weight can be in panels."""
        operator = f"MatMul{name}" if len(product.parts) == 1 else f"GroupedMatMul{name}"
        weights = [part.inputs[1] for part in product.parts]
        if not self._in_panels or operator not in _OUTPUTS or table_of(weights[0]) in self._tables:
            return None
        if any(len(numbers_of(weight)) % PANEL_DEPTH for weight in weights):
            return None
        rows = self._rows[product.rows]
        parts = [quantize_columns(numbers_of(weight), self._fit_pairs) for weight in weights]
        panels = np.stack([in_panels(numbers) for numbers, _ in parts])
        weight = initializer(self._graph, f"{product.name}.panels", panels if len(parts) > 1 else panels[0])
        scales = np.concatenate([scales for _, scales in parts])
        column_scales = initializer(self._graph, f"{product.name}.scales", scales)
        inputs = [rows.bytes, weight, rows.scale, column_scales, product.bias, *others]
        return self._node(product, operator, inputs, [ir.AttrInt64("zero_point", rows.zero_point)])

    def _in_two(self, product: _Product, name: str, others: Sequence[ir.Value | None]) -> ir.Node:
        """An integer product for each part, and the epilogue."""
        rows = self._rows[product.rows]
        integers, scales = [], []
        for part in product.parts:
            weight, column_scale = weight_in_bytes(self._graph, part, self._fit_pairs, self._tables)
            zero_point = self._zero_point(rows.zero_point)
            node = ir.node("MatMulInteger", [self._part(part.inputs[0]), weight, zero_point])
            self._graph.insert_before(product.epilogue, node)
            integers.append(node.outputs[0])
            scales.append(column_scale)
        if len(integers) > 1:
            join = ir.node("Concat", integers, {"axis": -1})
            self._graph.insert_before(product.epilogue, join)
            integers = [join.outputs[0]]
        column_scales = scales[0]
        if len(scales) > 1:
            joined = np.concatenate([numbers_of(scale) for scale in scales])
            column_scales = initializer(self._graph, f"{product.name}.joined_scales", joined)
        return self._node(product, name, [integers[0], rows.scale, column_scales, product.bias, *others], [])

    def _node(
        self, product: _Product, name: str, inputs: Sequence[ir.Value | None], attributes: Sequence[ir.Attr]
    ) -> ir.Node:
        own = [*product.epilogue.attributes.values(), *attributes]
        node = ir.Node(DOMAIN, name, inputs, own, num_outputs=_OUTPUTS[name])
        self._graph.insert_before(product.epilogue, node)
        return node

    def _zero_point(self, number: int) -> ir.Value:
        if number not in self._zero_points:
            array = np.array(number, np.uint8)
            self._zero_points[number] = initializer(self._graph, f"zero_point_{number}", array)
        return self._zero_points[number]

    def _bytes(self, rows: ir.Value, before: ir.Node) -> _Rows:
        """Rows as bytes and their scales: in the pass that makes the rows, or in one of their own."""
        producer = rows.producer()
        name, inputs = "Quantize", list[ir.Value | None]([rows])
        if producer is not None and producer.op_type in _PRODUCERS and len(rows.consumers()) == 1:
            name, inputs = _PRODUCERS[producer.op_type], list(producer.inputs)
        node = ir.node(name, inputs, domain=DOMAIN, num_outputs=2)
        self._graph.insert_before(before, node)
        return _Rows(node.outputs[0], node.outputs[1])

    def _part(self, value: ir.Value | None) -> ir.Value:
        """The bytes that go into one part of a product."""
        assert value is not None
        if value in self._rows:
            return self._rows[value].bytes
        if value not in self._splits:
            split = value.producer()
            assert split is not None and split.inputs[0] is not None
            inputs = [self._rows[split.inputs[0]].bytes, *split.inputs[1:]]
            node = ir.node("Split", inputs, split.attributes, num_outputs=len(split.outputs))
            self._graph.insert_before(split, node)
            self._splits |= dict(zip(split.outputs, node.outputs, strict=True))
        return self._splits[value]
