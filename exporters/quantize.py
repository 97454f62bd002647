"""quantize(): an exported fp32 file as a smaller and faster one, compared with the original on text."""

from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import onnx_ir as ir
from onnx_ir.passes import common

from convbert_onnx.bundle import Bundle, Cpu, ExportRecord
from convbert_onnx.errors import BundleError
from convbert_onnx.exporters.compare import compare
from convbert_onnx.exporters.functions import add_functions, count_special_operators
from convbert_onnx.exporters.quantize_embeddings import quantize_embeddings
from convbert_onnx.exporters.quantize_products import quantize_products
from convbert_onnx.exporters.save import append_bundle, saving
from convbert_onnx.runtime.cpu import cpu_of_this_machine, weight_bits
from convbert_onnx.runtime.engine import load_onnxruntime
from convbert_onnx.runtime.model import find_file

__all__ = ["QUANTIZE_STEPS", "quantize"]

_STEPS = ("reading the file", "quantizing", "comparing with fp32")

QUANTIZE_STEPS = len(_STEPS)
"""How many steps ``quantize`` tells of."""

_TOOLS = ("convbert-onnx", "onnx", "onnx-ir", "onnxscript")


def quantize(
    model: str | Path,
    output: str | Path,
    *,
    cpu: Cpu | Literal["auto"] = "auto",
    progress: Callable[[str, int, int], None] = lambda step, done, total: None,
) -> ExportRecord:
    """Write an exported model with its products and embeddings in int8.

    Weights are symmetric with a scale for each column, activations with a scale for each token, so that no answer
    depends on what else is in the batch. What is not a product stays in float: convolutions, norms, softmax, heads.

    Args:
        model: a file that ``export`` wrote with ``target="cpu"`` and ``precision="fp32"``, or a directory with one.
        output: the file to write.
        cpu: which CPUs it is for: "vnni" (x86 with AVX-512 VNNI or AVX-VNNI), "avx2" (other x86, where weights have
            seven bits, because pairs of products overflow otherwise), "arm64"; "auto" is this machine.
        progress: told before each step what comes, how many are done, and how many there are.

    Returns:
        The record that the file carries; its ``comparison`` says what quantization did to answers.

    Raises:
        FileMissingError: there is no such file.
        BundleError: it is not one that can be quantized.
        InputError: there is no such CPU.
    """
    cpu = cpu_of_this_machine() if cpu == "auto" else cpu
    bits = weight_bits(cpu)
    progress(_STEPS[0], 0, len(_STEPS))
    file = find_file(Path(model))
    graph = ir.load(file)
    bundle = _bundle_of(graph, file)
    progress(_STEPS[1], 1, len(_STEPS))
    tables = quantize_embeddings(graph, bits)
    quantize_products(graph, bits, tables)
    common.RemoveUnusedNodesPass()(graph)
    add_functions(graph, bundle.config)
    with saving(graph, Path(output)) as temporary:
        record = replace(
            bundle.record,
            precision="int8",
            cpu=cpu,
            operators=count_special_operators(graph),
            tools={**bundle.record.tools, **{tool: version(tool) for tool in _TOOLS}}
            | {"onnxruntime": load_onnxruntime().__version__},
        )
        progress(_STEPS[2], 2, len(_STEPS))
        bundle = replace(bundle, record=replace(record, comparison=compare(file, temporary)))
        append_bundle(temporary, bundle)
    progress(_STEPS[2], 3, len(_STEPS))
    return bundle.record


def _bundle_of(graph: ir.Model, file: Path) -> Bundle:
    """The bundle of a graph, which is taken out of it together with the functions."""
    bundle = Bundle.from_metadata(graph.metadata_props)
    if bundle is None:
        raise BundleError(f"{file} was not exported by convbert-onnx: export the checkpoint, then quantize that file")
    record = bundle.record
    if (record.target, record.precision) != ("cpu", "fp32"):
        raise BundleError(
            f"{file} has target {record.target} and precision {record.precision}: quantize an export with --target cpu "
            "and --precision fp32"
        )
    graph.metadata_props.clear()
    graph.functions.clear()
    return bundle
