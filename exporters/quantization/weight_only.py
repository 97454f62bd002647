"""Weight-only quantization: 8-bit or 4-bit weights with a scale per block, for machines with little memory."""

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from convbert_onnx.exporters.initializers import as_array, initializer
from convbert_onnx.exporters.quantization.plan import Plan
from convbert_onnx.exporters.quantization.weight_matmuls import Tables, weight_matmuls, weight_name

__all__ = ["BLOCK_SIZE", "quantize_blocks", "rewrite"]

BLOCK_SIZE = 64
"""Weights of a column that share a scale."""


def rewrite(model: ir.Model, plan: Plan, tables: Tables) -> None:
    """Replace weight matmuls by onnxruntime's MatMulNBits; activations stay in float.

    Args:
        model: a graph after the edits.
        plan: how to quantize.
        tables: not used; a matmul with an embedding table stays in float.
    """
    bits = plan.precision.bits
    for matmul in weight_matmuls(model, float_layers=plan.float_layers):
        weight = as_array(matmul.node.inputs[1])
        blocks, scales = quantize_blocks(weight, bits)
        name = weight_name(matmul.node)
        node = ir.node(
            "MatMulNBits",
            [
                matmul.input,
                initializer(model.graph, f"{name}.blocks", blocks),
                initializer(model.graph, f"{name}.scales", scales),
            ],
            {"K": weight.shape[0], "N": weight.shape[1], "bits": bits, "block_size": BLOCK_SIZE, "accuracy_level": 1},
            domain="com.microsoft",
        )
        old, new = matmul.node.outputs[0], node.outputs[0]
        new.type, new.shape = old.type, old.shape
        model.graph.insert_before(matmul.node, node)
        ir.convenience.replace_all_uses_with(old, new, replace_graph_outputs=True)
        model.opset_imports["com.microsoft"] = 1


def quantize_blocks(weight: NDArray[np.float32], bits: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Quantize a weight [inputs, outputs] to the layout of MatMulNBits.

    Returns:
        Unsigned integers with the zero point 2^(bits-1), [outputs, blocks, BLOCK_SIZE * bits / 8] bytes (of two 4-bit
        integers the first is in the low half of a byte), and scales [outputs, blocks].
    """
    inputs, outputs = weight.shape
    blocks = -(-inputs // BLOCK_SIZE)
    columns = np.zeros((outputs, blocks * BLOCK_SIZE), np.float32)
    columns[:, :inputs] = weight.T
    columns = columns.reshape(outputs, blocks, BLOCK_SIZE)
    largest = 2 ** (bits - 1) - 1
    scales = np.abs(columns).max(axis=-1) / np.float32(largest)
    safe = np.where(scales > 0, scales, np.float32(1))
    quantized = (np.rint(columns / safe[..., None]) + 2 ** (bits - 1)).astype(np.uint8)
    if bits == 4:
        quantized = quantized[..., 0::2] | quantized[..., 1::2] << 4
    return quantized, scales.astype(np.float32)
