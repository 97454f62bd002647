"""Models with one custom operator and its ONNX function, for comparisons of kernels and functions."""

from pathlib import Path

import onnx_ir as ir
from operator_formulas import FILE_SIZES, VECTORS, Sizes, example, groups_of, operator_file_name

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.exporters.functions import add_functions
from convbert_onnx.operators import DOMAIN, OPERATORS, Operator

_TYPES = {
    "float": ir.DataType.FLOAT,
    "int8": ir.DataType.INT8,
    "int32": ir.DataType.INT32,
    "int64": ir.DataType.INT64,
    "uint8": ir.DataType.UINT8,
}


def operator_graph(
    operator: Operator, masked: bool, sizes: Sizes, opset: int = 18, floats: ir.DataType = ir.DataType.FLOAT
) -> ir.Model:
    """A model with one custom operator; batch size and sequence length are dynamic."""
    feed, attributes = example(operator.name, 2, 7, **sizes._asdict(), masked=masked)

    def kind_of(declared: str) -> ir.DataType:
        kind = _TYPES[declared.split()[0]]
        return floats if kind == ir.DataType.FLOAT else kind

    inputs = []
    for name, array in feed.items():
        shape = array.shape if name in VECTORS else ("B", "S", *array.shape[2:])
        inputs.append(ir.val(name, kind_of(operator.inputs[name]), shape))
    node = ir.node(operator.name, inputs, attributes, domain=DOMAIN, num_outputs=len(operator.outputs))
    for value, (name, declared) in zip(node.outputs, operator.outputs.items(), strict=True):
        value.name, value.type = name, ir.TensorType(kind_of(declared))
        value.shape = ir.Shape(["B", "S", 1 if "1]" in declared else f"{name}_channels"])
    graph = ir.Graph(inputs, node.outputs, nodes=[node], opset_imports={"": opset, DOMAIN: 1}, name="one_node")
    model = ir.Model(graph, ir_version=8)
    width = sizes.heads * sizes.channels
    config = ConvBertConfig(
        hidden_size=width,
        num_attention_heads=2 * sizes.heads,
        conv_kernel_size=sizes.size,
        num_groups=groups_of(width),
    )
    add_functions(model, config)
    return model


def write_operator_files(folder: Path) -> None:
    """Write every operator in all ``FILE_SIZES``, and one in float64, which native kernels do not support."""
    folder.mkdir(parents=True, exist_ok=True)
    for operator in OPERATORS:
        for sizes in FILE_SIZES:
            for masked in (False, True) if operator.optional else (False,):
                path = folder / operator_file_name(operator.name, masked, sizes)
                ir.save(operator_graph(operator, masked, sizes), path)
    (multiply,) = (operator for operator in OPERATORS if operator.name == "BiasMul")
    ir.save(operator_graph(multiply, False, FILE_SIZES[0], floats=ir.DataType.DOUBLE), folder / "float64.onnx")
