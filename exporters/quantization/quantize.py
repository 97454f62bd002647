"""quantize(): an exported fp32 file as a smaller and faster one, compared with the original on text."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Literal, get_args

import onnx_ir as ir
from onnx_ir.passes import common

from convbert_onnx.bundle import Activations, Bundle, CalibrationMethod, Comparison, Cpu, ExportRecord, Quantized
from convbert_onnx.errors import BundleError, InputError, QualityError
from convbert_onnx.exporters.functions import add_functions, count_special_operators
from convbert_onnx.exporters.quantization.calibrate import Ranges, calibrate
from convbert_onnx.exporters.quantization.compare import compare, mean_difference
from convbert_onnx.exporters.quantization.dynamic_per_tensor import quantize_dynamic
from convbert_onnx.exporters.quantization.dynamic_per_token import quantize_products
from convbert_onnx.exporters.quantization.embeddings import quantize_embeddings
from convbert_onnx.exporters.quantization.static_qdq import quantize_static
from convbert_onnx.exporters.quantization.weight_only import quantize_weights
from convbert_onnx.exporters.save import append_bundle, save_graph
from convbert_onnx.files import replacing
from convbert_onnx.packages import load_onnxruntime
from convbert_onnx.runtime.model import find_file
from convbert_onnx.runtime.sessions.cpu import cpu_of_this_machine, pairs_saturate

__all__ = ["QUANTIZE_STEPS", "quantize"]

_STEPS = ("quantizing", "comparing with fp32")

QUANTIZE_STEPS = len(_STEPS)
"""How many steps ``quantize`` tells of."""

_TOOLS = ("convbert-onnx", "onnx", "onnx-ir", "onnxscript")

_BYTES = ("int8", "int8-static")
"""Precisions whose products are of bytes."""

_NAMED = 3
"""Layers that the message of a refusal names."""


def quantize(
    model: str | Path,
    output: str | Path,
    *,
    precision: Quantized = "int8",
    cpu: Cpu | Literal["auto"] = "auto",
    data: str | Path | None = None,
    max_drop: float = 0.005,
    auto_mixed: bool = False,
    calibration: str | Path | Ranges | None = None,
    calibration_method: CalibrationMethod = "percentile",
    activations: Activations = "unsigned",
    progress: Callable[[str, int, int], None] = lambda step, done, total: None,
) -> ExportRecord:
    """Write an exported model with its products and embeddings in int8, or only its weights in 8 or 4 bits.

    In "int8", weights are symmetric with a scale for each column, activations with a scale for each token, so that no
    answer depends on what else is in the batch; a portable file spells that in standard operators, which have one scale
    for the whole batch. "int8-static" has scales for activations that calibration fixed. What is not a product stays in
    float: convolutions, norms, softmax, heads. "int8-weights" and "int4-weights" have a scale for each 64 weights of a
    column and activations in float.

    Args:
        model: a file that ``export`` wrote with ``precision="fp32"``, or a directory with one.
        output: the file to write.
        precision: "int8", "int8-static", or for the target "cpu" also "int8-weights" or "int4-weights".
        cpu: which CPUs an int8 file is for: "vnni" (x86 with AVX-512 VNNI or AVX-VNNI), "avx2" (other x86, where
            scales are a little larger, because pairs of products saturate otherwise), "arm64"; "auto" is this machine.
        data: labelled data, on which both files are compared by the task's metric too. By default answers are compared
            on a sample of text that ships with the exporter, and whatever comes of it is written.
        max_drop: how much the metric, between 0 and 1, may lose on ``data``.
        auto_mixed: keep layers in float, those first whose quantization changes the outputs most, until the metric
            holds, instead of refusing.
        calibration: of "int8-static": text in a form that :func:`calibrate` reads, or the ranges that it gave.
        calibration_method: "min-max", "entropy" or "percentile"; see :func:`calibrate`.
        activations: of "int8-static": "unsigned" for CPUs, "signed" and symmetric for TensorRT.
        progress: told before each step what comes, how many are done, and how many there are.

    Returns:
        The record that the file carries; its ``comparison`` says what quantization did to answers.

    Raises:
        FileMissingError: there is no such file.
        BundleError: it is not one that can be quantized.
        QualityError: the metric drops by more than ``max_drop``. Nothing is written.
        OutputError: the output cannot be written there.
        InputError: there is no such precision or CPU, the data do not fit, or calibration has or lacks its data.
    """
    if precision not in get_args(Quantized):
        raise InputError(f"precision must be one of {', '.join(get_args(Quantized))}, not {precision!r}")
    cpu = cpu_of_this_machine() if cpu == "auto" else cpu
    fit_pairs = pairs_saturate(cpu)
    if activations not in get_args(Activations):
        raise InputError(f"activations must be one of {', '.join(get_args(Activations))}, not {activations!r}")
    if (precision == "int8-static") != (calibration is not None):
        raise InputError("int8-static needs --calibration with text that the model reads, and nothing else takes it")
    file = find_file(Path(model))
    bundle = _bundle_of(file)
    if bundle.record.target != "cpu" and precision.endswith("weights"):
        raise BundleError(f"{precision} needs an operator of onnxruntime's: quantize an export with --target cpu")
    progress(_STEPS[0], 0, QUANTIZE_STEPS)
    in_float: list[int] = []
    costly: list[int] = []
    with replacing(Path(output)) as path:
        if isinstance(calibration, str | Path):
            calibration = calibrate(file, calibration, calibration_method, folder=path.parent)
        form = _Form(precision, cpu, fit_pairs, bundle, calibration, activations)
        while True:
            graph = _write(file, path, form, in_float)
            progress(_STEPS[1], 1, QUANTIZE_STEPS)
            comparison = compare(file, path, Path(data) if data is not None else None)
            if _drop(comparison) <= max_drop:
                break
            costly = costly or _costly_layers(file, path, form)
            if not auto_mixed or len(in_float) == len(costly):
                raise QualityError(_refusal(precision, comparison, max_drop, costly, auto_mixed))
            in_float.append(costly[len(in_float)])
        record = replace(
            bundle.record,
            precision=precision,
            cpu=cpu if precision in _BYTES else None,
            operators=count_special_operators(graph),
            tools={**bundle.record.tools, **{tool: version(tool) for tool in _TOOLS}}
            | {"onnxruntime": load_onnxruntime().__version__},
            layers_in_float=tuple(sorted(in_float)),
            comparison=comparison,
        )
        record = append_bundle(path, replace(bundle, record=record))
    progress(_STEPS[1], QUANTIZE_STEPS, QUANTIZE_STEPS)
    return record


def _bundle_of(file: Path) -> Bundle:
    bundle = Bundle.from_metadata(ir.load(file).metadata_props)
    if bundle is None:
        raise BundleError(f"{file} was not exported by convbert-onnx: export the checkpoint, then quantize that file")
    record = bundle.record
    if record.precision != "fp32":
        raise BundleError(f"{file} has precision {record.precision}: quantize an export with --precision fp32")
    return bundle


@dataclass(frozen=True)
class _Form:
    """How a file is to be quantized, but for the layers that stay in float."""

    precision: Quantized
    cpu: Cpu
    fit_pairs: bool
    bundle: Bundle
    ranges: Ranges | None
    activations: Activations


def _write(file: Path, output: Path, form: _Form, in_float: Collection[int]) -> ir.Model:
    """Write the file with all layers quantized but some; gives the graph, which has no bundle."""
    graph = ir.load(file)
    graph.metadata_props.clear()
    graph.functions.clear()
    tables = quantize_embeddings(graph, form.fit_pairs and form.precision in _BYTES)
    if form.ranges is not None:
        quantize_static(graph, form.fit_pairs, form.ranges, form.activations, tables, in_float)
    elif form.precision == "int8" and form.bundle.record.target == "cpu":
        quantize_products(graph, form.cpu, tables, in_float)
    elif form.precision == "int8":
        quantize_dynamic(graph, form.fit_pairs, tables, in_float)
    else:
        quantize_weights(graph, 8 if form.precision == "int8-weights" else 4, in_float)
    common.RemoveUnusedNodesPass()(graph)
    add_functions(graph, form.bundle.config)
    save_graph(graph, output)
    return graph


def _drop(comparison: Comparison) -> float:
    """How much the metric lost; nothing where there is none."""
    if comparison.before is None or comparison.after is None:
        return 0.0
    return comparison.before - comparison.after


def _costly_layers(file: Path, candidate: Path, form: _Form) -> list[int]:
    """The layers by how much their own quantization changes the outputs, the costliest first."""
    layers = range(form.bundle.config.num_hidden_layers)
    costs = {}
    for layer in layers:
        _write(file, candidate, form, set(layers) - {layer})
        costs[layer] = mean_difference(file, candidate)
    return sorted(costs, key=lambda layer: -costs[layer])


def _refusal(
    precision: Quantized, comparison: Comparison, max_drop: float, costly: Sequence[int], auto_mixed: bool
) -> str:
    text = (
        f"{precision} lowers {comparison.metric} on {comparison.data} from {comparison.before:.4f} to "
        f"{comparison.after:.4f}, more than {max_drop:g}; nothing was written"
    )
    if auto_mixed:
        return f"{text}, because it does so with all layers in float too: pass a higher --max-drop"
    layers = ", ".join(map(str, costly[:_NAMED]))
    return f"{text}. The layers that cost most are {layers}: keep such layers in float with --auto-mixed"
