"""The weights of products as integers of few bits with a scale for each block, for machines that lack memory."""

from collections.abc import Collection

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from convbert_onnx.exporters.initializers import initializer, numbers_of
from convbert_onnx.exporters.quantization.weight_matmuls import fixed_products, name_of_weight

__all__ = ["BLOCK", "quantize_blocks", "quantize_weights"]

BLOCK = 64
"""Weights of a column that share a scale."""


def quantize_weights(model: ir.Model, bits: int, in_float: Collection[int] = ()) -> None:
    """Let products read small weights, as onnxruntime's MatMulNBits does; activations stay floats.

    Args:
        model: a graph after the edits.
        bits: 8 or 4.
        in_float: layers whose products stay as they are.
    """
    for product in fixed_products(model, in_float=in_float):
        weight = numbers_of(product.node.inputs[1])
        blocks, scales = quantize_blocks(weight, bits)
        name = name_of_weight(product.node)
        node = ir.node(
            "MatMulNBits",
            [
                product.rows,
                initializer(model.graph, f"{name}.blocks", blocks),
                initializer(model.graph, f"{name}.scales", scales),
            ],
            {"K": weight.shape[0], "N": weight.shape[1], "bits": bits, "block_size": BLOCK, "accuracy_level": 1},
            domain="com.microsoft",
        )
        old, new = product.node.outputs[0], node.outputs[0]
        new.type, new.shape = old.type, old.shape
        model.graph.insert_before(product.node, node)
        ir.convenience.replace_all_uses_with(old, new, replace_graph_outputs=True)
        model.opset_imports["com.microsoft"] = 1


def quantize_blocks(weight: NDArray[np.float32], bits: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """A weight [inputs, outputs] in the layout of MatMulNBits.

    Returns:
        Numbers around 2^(bits-1), [outputs, blocks, BLOCK * bits / 8] bytes, the earlier of two in the lower half of a
        byte where they have four bits; and scales [outputs, blocks].
    """
    inputs, outputs = weight.shape
    blocks = -(-inputs // BLOCK)
    columns = np.zeros((outputs, blocks * BLOCK), np.float32)
    columns[:, :inputs] = weight.T
    columns = columns.reshape(outputs, blocks, BLOCK)
    largest = 2 ** (bits - 1) - 1
    scales = np.abs(columns).max(axis=-1) / np.float32(largest)
    safe = np.where(scales > 0, scales, np.float32(1))
    numbers = (np.rint(columns / safe[..., None]) + 2 ** (bits - 1)).astype(np.uint8)
    if bits == 4:
        numbers = numbers[..., 0::2] | numbers[..., 1::2] << 4
    return numbers, scales.astype(np.float32)
