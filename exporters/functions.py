"""Add the ONNX functions of our operators to a graph, or inline them."""

from collections import Counter

import onnx
import onnx_ir as ir
from onnx_ir.passes import common

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.operators import DOMAIN, OPERATORS, VERSION, Operator

__all__ = ["add_functions", "count_special_operators", "inline_functions"]

_BY_NAME = {operator.name: operator for operator in OPERATORS}


def add_functions(model: ir.Model, config: ConvBertConfig) -> None:
    """Add the functions of our operators that a model uses, in its graph or in one of these functions."""
    functions: dict[ir.OperatorIdentifier, ir.Function] = {}
    nodes = [node for node in model.graph if node.domain == DOMAIN]
    for node in nodes:
        if node.op_identifier() in functions:
            continue
        operator = _BY_NAME[node.op_type]
        function = _function(operator, config, model.opset_imports[""], len(node.inputs) == len(operator.inputs))
        functions[function.identifier()] = function
        model.opset_imports.update({DOMAIN: VERSION, **operator.opsets})
        nodes += [inner for inner in function if inner.domain == DOMAIN]
    # A function follows those that it calls, as onnx's reference evaluator requires.
    for identifier, function in reversed(functions.items()):
        model.functions[identifier] = function


def count_special_operators(model: ir.Model) -> dict[str, int]:
    """The number of nodes of each operator that is not standard ONNX, by ``domain.name``."""
    nodes = model.graph.all_nodes()
    return dict(Counter(f"{node.domain}.{node.op_type}" for node in nodes if node.domain))


def inline_functions(model: ir.Model) -> None:
    """Replace every node with one of our operators by the standard operators of its function."""
    common.InlinePass()(model)
    common.IdentityEliminationPass()(model)
    common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
    common.DeduplicateInitializersPass()(model)
    model.opset_imports.pop(DOMAIN, None)


def _function(operator: Operator, config: ConvBertConfig, opset: int, with_optional: bool) -> ir.Function:
    """The operator as an ONNX function for a model with the sizes of this config."""
    inputs = [name for name in operator.inputs if with_optional or name not in operator.optional]
    attributes = f"<{', '.join(operator.attributes)}> " if operator.attributes else ""
    opsets = ", ".join(f'"{domain}" : {version}' for domain, version in {"": opset, **operator.opsets}.items())
    text = "\n".join(
        (
            f'<domain: "{DOMAIN}", opset_import: [{opsets}]>',
            f"{operator.name} {attributes}({', '.join(inputs)}) => ({', '.join(operator.outputs)}) {{",
            *operator.body(config, with_optional),
            "}",
        )
    )
    return ir.serde.deserialize_function(onnx.parser.parse_function(text))
