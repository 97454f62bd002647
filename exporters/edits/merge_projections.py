"""Linear layers that share their input become one: query, key, value and the values of the dynamic convolution."""

import numpy as np
import onnx_ir as ir

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.exporters.edits.base import Edit, Outcome
from convbert_onnx.exporters.initializers import as_array, initializer, is_vector
from convbert_onnx.operators import DOMAIN, VERSION

__all__ = ["EDIT"]


def _merge_projections(model: ir.Model, config: ConvBertConfig) -> Outcome:
    places = 0
    for node in list(model.graph):
        if node.graph is None or node.op_type != "MatMul" or node.inputs[0] is None:
            continue
        layers = [pair for other in node.inputs[0].consumers() if (pair := _linear(other)) is not None]
        if len(layers) > 1 and layers[0][0] is node:
            _merge(model, layers)
            places += 1
    return Outcome(places, "" if places else "no two linear layers share their input")


def _linear(product: ir.Node) -> tuple[ir.Node, ir.Node] | None:
    """The MatMul with its Add, where they are a linear layer of fixed weights."""
    if product.op_type != "MatMul" or product.inputs[1] is None or not product.inputs[1].is_initializer():
        return None
    consumers = product.outputs[0].consumers()
    if len(consumers) != 1 or consumers[0].op_type != "Add" or not is_vector(_bias(consumers[0], product)):
        return None
    return product, consumers[0]


def _bias(add: ir.Node, product: ir.Node) -> ir.Value | None:
    return next((value for value in add.inputs if value is not product.outputs[0]), None)


def _merge(model: ir.Model, layers: list[tuple[ir.Node, ir.Node]]) -> None:
    graph = model.graph
    weights = [product.inputs[1] for product, _ in layers]
    biases = [_bias(add, product) for product, add in layers]
    first = layers[0][0]
    names = [str(weight.name).removesuffix(".weight") for weight in weights if weight is not None]
    module = names[0].rpartition(".")[0]
    joined = f"{module}.{'+'.join(name.removeprefix(f'{module}.') for name in names)}"
    weight = initializer(graph, f"{joined}.weight", np.concatenate([as_array(one) for one in weights], axis=1))
    bias = initializer(graph, f"{joined}.bias", np.concatenate([as_array(one) for one in biases]))
    widths = [len(as_array(one)) for one in biases]

    product = ir.node("MatMul", [first.inputs[0], weight])
    nodes = [product]
    if len(layers) == 4 and len(set(widths)) == 1:
        split = ir.node("BiasSplit", [product.outputs[0], bias], domain=DOMAIN, num_outputs=4)
        model.opset_imports[DOMAIN] = VERSION
    else:
        add = ir.node("Add", [product.outputs[0], bias])
        sizes = initializer(graph, f"{joined}.widths", np.array(widths, np.int64))
        split = ir.node("Split", [add.outputs[0], sizes], {"axis": -1}, num_outputs=len(layers))
        nodes.append(add)
    nodes.append(split)
    graph.insert_before(first, nodes)
    for (product, add), part in zip(layers, split.outputs, strict=True):
        part.shape, part.type = add.outputs[0].shape, add.outputs[0].type
        ir.convenience.replace_all_uses_with(add.outputs[0], part)
        graph.remove([add, product], safe=True)


EDIT = Edit(
    name="merge_projections",
    purpose="One wide product takes the place of four narrow ones of the same input.",
    apply=_merge_projections,
)
