"""Merge linear layers with the same input: query, key, value, and the values of the dynamic convolution."""

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


def _linear(matmul: ir.Node) -> tuple[ir.Node, ir.Node] | None:
    """The MatMul and its Add, if they are a linear layer with constant weights."""
    if matmul.op_type != "MatMul" or matmul.inputs[1] is None or not matmul.inputs[1].is_initializer():
        return None
    consumers = matmul.outputs[0].consumers()
    if len(consumers) != 1 or consumers[0].op_type != "Add" or not is_vector(_bias(consumers[0], matmul)):
        return None
    return matmul, consumers[0]


def _bias(add: ir.Node, matmul: ir.Node) -> ir.Value | None:
    return next((value for value in add.inputs if value is not matmul.outputs[0]), None)


def _merge(model: ir.Model, layers: list[tuple[ir.Node, ir.Node]]) -> None:
    graph = model.graph
    weights = [matmul.inputs[1] for matmul, _ in layers]
    biases = [_bias(add, matmul) for matmul, add in layers]
    first = layers[0][0]
    names = [str(weight.name).removesuffix(".weight") for weight in weights if weight is not None]
    module = names[0].rpartition(".")[0]
    joined = f"{module}.{'+'.join(name.removeprefix(f'{module}.') for name in names)}"
    weight = initializer(graph, f"{joined}.weight", np.concatenate([as_array(one) for one in weights], axis=1))
    bias = initializer(graph, f"{joined}.bias", np.concatenate([as_array(one) for one in biases]))
    widths = [len(as_array(one)) for one in biases]

    matmul = ir.node("MatMul", [first.inputs[0], weight])
    nodes = [matmul]
    if len(layers) == 4 and len(set(widths)) == 1:
        split = ir.node("BiasSplit", [matmul.outputs[0], bias], domain=DOMAIN, num_outputs=4)
        model.opset_imports[DOMAIN] = VERSION
    else:
        add = ir.node("Add", [matmul.outputs[0], bias])
        sizes = initializer(graph, f"{joined}.widths", np.array(widths, np.int64))
        split = ir.node("Split", [add.outputs[0], sizes], {"axis": -1}, num_outputs=len(layers))
        nodes.append(add)
    nodes.append(split)
    graph.insert_before(first, nodes)
    for (matmul, add), part in zip(layers, split.outputs, strict=True):
        part.shape, part.type = add.outputs[0].shape, add.outputs[0].type
        ir.convenience.replace_all_uses_with(add.outputs[0], part)
        graph.remove([add, matmul], safe=True)


EDIT = Edit(
    name="merge_projections",
    apply=_merge_projections,
)
