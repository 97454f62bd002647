"""Our operators, in one table: what goes in and out, and the same thing spelled out in standard operators.

A file that uses one of them carries an ONNX function of the same name, so that every ONNX Runtime can run it; a runtime
that has a kernel for the operator takes the kernel instead.
"""

from collections.abc import Callable
from dataclasses import dataclass

import onnx
import onnx_ir as ir

from convbert_onnx.config import ConvBertConfig

__all__ = ["DOMAIN", "OPERATORS", "Operator", "add_functions", "inline_functions"]

DOMAIN = "convbert_onnx"


@dataclass(frozen=True)
class Operator:
    """One operator of ours.

    Attributes:
        name: its name in the domain ``convbert_onnx``.
        inputs: types and shapes, by name; those in ``optional`` may be left out at the end.
        optional: names of inputs that a node may leave out.
        outputs: types and shapes, by name.
        attributes: names of the integer attributes.
        formula: what it computes.
        body: the lines of the function for a model's sizes, given whether the optional inputs are there.
    """

    name: str
    inputs: dict[str, str]
    optional: tuple[str, ...]
    outputs: dict[str, str]
    attributes: tuple[str, ...]
    formula: str
    body: Callable[[ConvBertConfig, bool], list[str]]

    def function(self, config: ConvBertConfig, opset: int, with_optional: bool) -> ir.Function:
        """The operator as an ONNX function for a model of these sizes."""
        inputs = [name for name in self.inputs if with_optional or name not in self.optional]
        text = "\n".join(
            (
                f'<domain: "{DOMAIN}", opset_import: ["" : {opset}]>',
                f"{self.name} <{', '.join(self.attributes)}> ({', '.join(inputs)}) => ({', '.join(self.outputs)}) {{",
                *self.body(config, with_optional),
                "}",
            )
        )
        return ir.serde.deserialize_function(onnx.parser.parse_function(text))


def _span_dynamic_conv(config: ConvBertConfig, with_mask: bool) -> list[str]:
    # Pad and K shifted slices: no [B, S, H*D, K] tensor is ever made, and no size but K and H stands in the function.
    heads, size = config.num_mixed_heads, config.conv_kernel_size
    middle = size // 2
    weights = [f"weight_{j}" for j in range(size)]
    lines = [
        "zero = Constant <value = float {0.0}> ()",
        f"pads = Constant <value = int64[6] {{0, {middle}, 0, 0, {middle}, 0}}> ()",
        f"by_head = Constant <value = int64[4] {{0, 0, {heads}, -1}}> ()",
        "flat = Constant <value = int64[3] {0, 0, -1}> ()",
        "channel_axis = Constant <value = int64[1] {2}> ()",
        "sequence_axis = Constant <value = int64[1] {1}> ()",
    ]
    real = "values"
    if with_mask:
        lines += [
            "is_real = Cast <to = 9> (mask)",
            "is_real_column = Unsqueeze (is_real, channel_axis)",
            "real_values = Where (is_real_column, values, zero)",
        ]
        real = "real_values"
    lines += [
        f"padded = Pad ({real}, pads, zero)",
        "padded_heads = Reshape (padded, by_head)",
        "logits = Reshape (kernel_logits, by_head)",
        "kernel = Softmax <axis = -1> (logits)",
        f"{', '.join(weights)} = Split <axis = -1, num_outputs = {size}> (kernel)",
    ]
    for j, weight in enumerate(weights):
        # The slice for offset j leaves out j positions at the front and size-1-j at the end.
        end = j + 1 - size if j + 1 < size else 2**63 - 1
        lines += [
            f"start_{j} = Constant <value = int64[1] {{{j}}}> ()",
            f"end_{j} = Constant <value = int64[1] {{{end}}}> ()",
            f"window_{j} = Slice (padded_heads, start_{j}, end_{j}, sequence_axis)",
            f"term_{j} = Mul (window_{j}, {weight})",
            f"sum_{j} = Add (sum_{j - 1}, term_{j})" if j else "sum_0 = Identity (term_0)",
        ]
    return [*lines, f"output = Reshape (sum_{size - 1}, flat)"]


OPERATORS = (
    Operator(
        name="SpanDynamicConv",
        inputs={"values": "float [B, S, H*D]", "kernel_logits": "float [B, S, H*K]", "mask": "int64 [B, S]"},
        optional=("mask",),
        outputs={"output": "float [B, S, H*D]"},
        attributes=("num_heads", "kernel_size"),
        formula="w = softmax over K of kernel_logits[b,s,h,:]; output[b,s,h,:] = sum over j of w[j] * "
        "values[b, s + j - K//2, h, :], where positions outside the sequence or with mask 0 count as zero",
        body=_span_dynamic_conv,
    ),
)


def add_functions(model: ir.Model, config: ConvBertConfig) -> None:
    """Give ``model`` the function of every operator of ours that it uses."""
    for operator in OPERATORS:
        nodes = [node for node in model.graph if (node.domain, node.op_type) == (DOMAIN, operator.name)]
        if nodes:
            with_optional = len(nodes[0].inputs) == len(operator.inputs)
            function = operator.function(config, model.opset_imports[""], with_optional)
            model.functions[function.identifier()] = function


def inline_functions(model: ir.Model) -> None:
    """Replace every node of ours by the standard operators of its function."""
    ir.passes.common.InlinePass()(model)
    ir.passes.common.IdentityEliminationPass()(model)
    ir.passes.common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
    ir.passes.common.DeduplicateInitializersPass()(model)
    model.opset_imports.pop(DOMAIN, None)
