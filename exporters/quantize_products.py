"""Matrix products with fixed weights become products of bytes, with a scale for every token and for every column."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from convbert_onnx.bundle import Cpu
from convbert_onnx.exporters.edit import is_vector
from convbert_onnx.operators import DOMAIN, OPERATORS
from convbert_onnx.quantized_functions import PANEL_COLUMNS, PANEL_DEPTH
from convbert_onnx.runtime.cpu import pairs_saturate

__all__ = [
    "NARROWEST",
    "NORMS",
    "Product",
    "found_products",
    "has_fixed_weight",
    "in_panels",
    "initializer",
    "matrix_in_panels",
    "numbers_of",
    "quantize_columns",
    "quantize_products",
    "table_of",
]

_ZERO_POINT = 128
"""Where rows of bytes have their zero."""

_ACTIVATED_ZERO_POINT = 16
"""Where rows that Gelu made have theirs."""

_LARGEST = np.float32(127)
_LARGEST_PAIR = np.float32(127.5)
"""With a scale that takes the largest pair there, none has to lose anything."""

_MOST_OF_PAIR = 128

_SCALES = 9
"""Scales that are tried for a column."""

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

_PROJECTION = "project.weight"
"""How the weight's name ends that takes embeddings to the hidden size, where they are smaller."""

NARROWEST = 64
"""The columns of a product with a bias alone behind it that make it worth bytes."""

NORMS = 2
"""Norms of a layer."""

_OUTPUTS = {operator.name: len(operator.outputs) for operator in OPERATORS}


@dataclass(frozen=True)
class Product:
    """A product of rows and fixed weights, in one part or in groups side by side, with what follows it.

    Attributes:
        parts: MatMul nodes, one for each group.
        bias: the bias.
        epilogue: the node behind.
        layer: the layer, from 0, which has what comes before it too; what comes after the last has one more.
    """

    parts: tuple[ir.Node, ...]
    bias: ir.Value
    epilogue: ir.Node
    layer: int

    @property
    def rows(self) -> ir.Value:
        """What goes in; where there are groups, before it is split among them."""
        return _before_split(self.parts[0].inputs[0])

    @property
    def name(self) -> str:
        """The name of its first weight, without what says that it is a weight."""
        return str(self.parts[0].inputs[1].name).removesuffix(".weight")  # type: ignore[union-attr]


def quantize_products(
    model: ir.Model,
    cpu: Cpu,
    tables: Mapping[ir.Value, tuple[ir.Value, ir.Value]],
    in_float: Collection[int] = (),
) -> int:
    """Turn products into integer products, but for narrow ones such as heads.

    Args:
        model: a graph after the edits, with our operators.
        cpu: what the products are for. On 64-bit ARM they stay onnxruntime's; elsewhere they are one operator with what
            follows, for which there are native kernels.
        tables: bytes and scales of the tables of embeddings that are quantized already.
        in_float: layers whose products stay as they are.

    Returns:
        How many products were turned.
    """
    turned = [product for product in found_products(model, tables) if product.layer not in in_float]
    kept = [product for product in turned if not _leaves_as_floats(product, turned)]
    writer = _Writer(model.graph, cpu, tables)
    for product in kept:
        writer.turn(product)
    return len(kept)


def found_products(model: ir.Model, tables: Collection[ir.Value]) -> list[Product]:
    """The products of a graph that are worth quantizing, in its order; tables may be their weights too."""
    found, norms = [], 0
    for node in model.graph:
        product = _product_before(node, tables, norms // NORMS) if node.op_type in _EPILOGUES else None
        if product is not None and not _is_narrow(product):
            found.append(product)
        norms += node.op_type == "AddLayerNorm"
    return found


def quantize_columns(weight: NDArray[np.float32], fit_pairs: bool) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """A weight [inputs, outputs] as signed bytes, symmetric around zero, and the scale of each column [outputs].

    Args:
        weight: the weight.
        fit_pairs: let the products of each two neighbouring inputs, unsigned bytes, add up within 16 bits. Weights of
            opposite signs do anyway. Of pairs that are too large for a scale, both lose the same; each column has the
            scale that leaves the least error in all.
    """
    largest = np.abs(weight).max(axis=0, initial=0)
    scale = np.where(largest > 0, largest / _LARGEST, np.float32(1))
    if not fit_pairs or len(weight) < 2:
        return np.rint(weight / scale).astype(np.int8), np.where(largest > 0, scale, np.float32(0))
    sums = np.abs(_pairs(weight).sum(axis=1)).max(axis=0)
    widest = np.maximum(scale, sums / _LARGEST_PAIR)
    best, least, numbers = scale, np.full(scale.shape, np.inf), np.zeros(weight.shape, np.int8)
    for share in np.linspace(0, 1, _SCALES, dtype=np.float32):
        tried = scale + share * (widest - scale)
        rounded = _fitted(np.rint(weight / tried))
        error = ((rounded * tried - weight).astype(np.float64) ** 2).sum(axis=0)
        better = error < least
        best, least = np.where(better, tried, best), np.where(better, error, least)
        numbers = np.where(better, rounded, numbers).astype(np.int8)
    return numbers, np.where(largest > 0, best, np.float32(0)).astype(np.float32)


def _pairs(weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """The whole pairs of neighbouring inputs [inputs / 2, 2, outputs]."""
    return weight[: len(weight) // 2 * 2].reshape(-1, 2, weight.shape[1])


def _fitted(numbers: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bytes whose pairs add up to 128 in magnitude at most, which 255 times is less than 2^15."""
    pairs = _pairs(numbers)
    sums = pairs.sum(axis=1, keepdims=True)
    excess = np.sign(sums) * np.maximum(np.abs(sums) - _MOST_OF_PAIR, 0)
    first = np.trunc(excess / 2)
    fitted = numbers.copy()
    fitted[: 2 * len(pairs)] = (pairs - np.concatenate([first, excess - first], axis=1)).reshape(-1, numbers.shape[1])
    return fitted


def in_panels(numbers: NDArray[np.int8]) -> NDArray[np.int8]:
    """A weight [K, C] as native kernels read it [C/16, K/4 + 1, 16, 4]: see :data:`PANEL_COLUMNS`; K in whole fours."""
    inputs, columns = numbers.shape
    padded = np.pad(numbers, ((0, 0), (0, -columns % PANEL_COLUMNS)))
    sums = padded.sum(axis=0, dtype="<i4").view(np.int8).reshape(-1, 1, PANEL_COLUMNS, PANEL_DEPTH)
    panels = padded.reshape(inputs // PANEL_DEPTH, PANEL_DEPTH, -1, PANEL_COLUMNS).transpose(2, 0, 3, 1)
    return np.concatenate([sums, panels], axis=1)


def matrix_in_panels(panels: NDArray[np.int8], columns: int) -> NDArray[np.int8]:
    """The weight [K, columns] that panels hold."""
    return panels[:, 1:].transpose(1, 3, 0, 2).reshape(-1, len(panels) * PANEL_COLUMNS)[:, :columns]


def _product_before(epilogue: ir.Node, tables: Collection[ir.Value], layer: int) -> Product | None:
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
    return Product(parts, biases[0], epilogue, layer)


def has_fixed_weight(node: ir.Node, tables: Collection[ir.Value]) -> bool:
    """Whether a node is a MatMul whose weight is known, or is one of the tables, and which is worth quantizing.

    The projection of embeddings is not: it is less than a hundredth of a model's work, and in bytes it made a fifth of
    what quantization changes in the outputs.
    """
    weight = node.inputs[1] if node.op_type == "MatMul" else None
    if weight is None or table_of(weight) in tables:
        return weight is not None
    if str(weight.name).endswith(_PROJECTION):
        return False
    return weight.const_value is not None and weight.const_value.shape.rank() == 2


def table_of(weight: ir.Value | None) -> ir.Value | None:
    """The table of embeddings whose rows are the columns of a weight."""
    node = weight.producer() if weight is not None else None
    return node.inputs[0] if node is not None and node.op_type == "Transpose" else None


def _before_split(value: ir.Value | None) -> ir.Value:
    assert value is not None
    node = value.producer()
    split = node is not None and node.op_type == "Split" and node.inputs[0] is not None
    return node.inputs[0] if split else value  # type: ignore[union-attr, return-value]


def _is_narrow(product: Product) -> bool:
    """Whether it is a head or makes the span's kernels: little work, and every digit counts."""
    shape = product.bias.shape
    return product.epilogue.op_type == "Add" and shape is not None and shape.numpy()[0] < NARROWEST


def _leaves_as_floats(product: Product, turned: list[Product]) -> bool:
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

    def __init__(self, graph: ir.Graph, cpu: Cpu, tables: Mapping[ir.Value, tuple[ir.Value, ir.Value]]) -> None:
        self._graph = graph
        self._tables = tables
        self._fit_pairs = pairs_saturate(cpu)
        self._in_panels = cpu != "arm64"
        self._rows: dict[ir.Value, _Rows] = {}
        self._splits: dict[ir.Value, ir.Value] = {}
        self._zero_points: dict[int, ir.Value] = {}

    def turn(self, product: Product) -> None:
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

    def _in_one_pass(self, product: Product, name: str, others: Sequence[ir.Value | None]) -> ir.Node | None:
        """One operator for product and epilogue, where the weight can be in panels."""
        rows, part = self._rows[product.rows], product.parts[0]
        if not self._in_panels or len(product.parts) > 1 or table_of(part.inputs[1]) in self._tables:
            return None
        weights = numbers_of(part.inputs[1])
        if len(weights) % PANEL_DEPTH:
            return None
        numbers, scales = quantize_columns(weights, self._fit_pairs)
        weight = initializer(self._graph, f"{product.name}.panels", in_panels(numbers))
        column_scales = initializer(self._graph, f"{product.name}.scales", scales)
        inputs = [rows.bytes, weight, rows.scale, column_scales, product.bias, *others]
        return self._node(product, f"MatMul{name}", inputs, [ir.AttrInt64("zero_point", rows.zero_point)])

    def _in_two(self, product: Product, name: str, others: Sequence[ir.Value | None]) -> ir.Node:
        """An integer product for each part, and the epilogue."""
        rows = self._rows[product.rows]
        integers, scales = [], []
        for number, part in enumerate(product.parts):
            weight, column_scale = self._weight(part, f"{product.name}.{number}")
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
            column_scales = initializer(self._graph, f"{product.name}.scales", joined)
        return self._node(product, name, [integers[0], rows.scale, column_scales, product.bias, *others], [])

    def _node(
        self, product: Product, name: str, inputs: Sequence[ir.Value | None], attributes: Sequence[ir.Attr]
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

    def _weight(self, part: ir.Node, name: str) -> tuple[ir.Value, ir.Value]:
        """The bytes of a weight and its scales; those of a table of embeddings, turned, where it is one."""
        weight = part.inputs[1]
        table = table_of(weight)
        if table is not None and table in self._tables:
            rows, scales = self._tables[table]
            turned = ir.node("Transpose", [rows], {"perm": [1, 0]})
            self._graph.insert_before(part, turned)
            return turned.outputs[0], scales
        array, scale = quantize_columns(numbers_of(weight), self._fit_pairs)
        return initializer(self._graph, f"{name}.bytes", array), initializer(self._graph, f"{name}.scales", scale)

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


def initializer(graph: ir.Graph, name: str, array: NDArray[np.generic]) -> ir.Value:
    """A new weight of a graph."""
    value = ir.val(name, const_value=ir.tensor(array, name=name))
    graph.register_initializer(value)
    return value


def numbers_of(value: ir.Value | None) -> NDArray[np.float32]:
    """The numbers of a weight."""
    assert value is not None and value.const_value is not None
    return value.const_value.numpy()
