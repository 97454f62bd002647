"""Write the quantized form of an exported file."""

from importlib import import_module
from pathlib import Path

import onnx_ir as ir
from onnx_ir.passes import common

from convbert_onnx.exporters.functions import add_functions
from convbert_onnx.exporters.quantization.embeddings import quantize_embeddings
from convbert_onnx.exporters.quantization.plan import Plan
from convbert_onnx.exporters.save import save_graph

__all__ = ["write_quantized"]


def write_quantized(file: Path, output: Path, plan: Plan) -> ir.Model:
    """Write a quantized file, without a bundle.

    Args:
        file: the exported fp32 file.
        output: the file to write.
        plan: how to quantize.

    Returns:
        The graph that was written.
    """
    graph = ir.load(file)
    graph.metadata_props.clear()
    graph.functions.clear()
    tables = quantize_embeddings(graph, plan.fit_pairs)
    rewriter = import_module(f"{__package__}.{plan.precision.rewriters[plan.target]}")
    rewriter.rewrite(graph, plan, tables)
    common.RemoveUnusedNodesPass()(graph)
    add_functions(graph, plan.config)
    save_graph(graph, output)
    return graph
