"""quantize(): write an exported fp32 file in a smaller precision, and compare the two on text."""

from dataclasses import replace
from pathlib import Path
from typing import get_args

from convbert_onnx.bundle import Bundle, ExportRecord
from convbert_onnx.errors import BundleError, InputError
from convbert_onnx.exporters.functions import count_special_operators
from convbert_onnx.exporters.quantization.calibrate import collect_ranges
from convbert_onnx.exporters.quantization.compare import Reference
from convbert_onnx.exporters.quantization.mixed_precision import QuantizedFile, write_within_drop
from convbert_onnx.exporters.quantization.plan import Plan
from convbert_onnx.exporters.save import append_bundle
from convbert_onnx.exporters.tool_versions import tool_versions
from convbert_onnx.files import replacing
from convbert_onnx.precisions import PRECISIONS, PrecisionSpec, Quantized
from convbert_onnx.progress import Progress, Steps, no_progress
from convbert_onnx.quantization_options import QuantizationOptions
from convbert_onnx.runtime.model import find_file
from convbert_onnx.runtime.model_files.onnx_file import OnnxFile
from convbert_onnx.runtime.sessions.cpu import cpu_of_this_machine

__all__ = ["QUANTIZE_STEPS", "quantize"]

QUANTIZE_STEPS = 2
"""Steps that ``quantize`` reports."""

_TOOLS = ("onnx", "onnx-ir", "onnxscript")


def quantize(
    model: str | Path,
    output: str | Path,
    *,
    precision: Quantized = "int8",
    options: QuantizationOptions = QuantizationOptions(),
    progress: Progress = no_progress,
) -> ExportRecord:
    """Write an exported model with int8 matmuls and embeddings, or with 8-bit or 4-bit weights.

    In "int8", weights are symmetric with a scale per column, and activations have a scale per token, so that no result
    depends on the rest of the batch. A portable file has standard operators instead, with one activation scale for the
    whole batch. In "int8-static" the scales of activations are fixed by calibration. Operators other than matmuls and
    embeddings stay in float: convolutions, norms, softmax, heads. "int8-weights" and "int4-weights" have a scale per 64
    weights of a column, and activations in float.

    Args:
        model: a file that ``export`` wrote with ``precision="fp32"``, or a directory with one.
        output: the file to write.
        precision: "int8" or "int8-static"; for files with ``target="cpu"`` also "int8-weights" or "int4-weights".
        options: for which CPU, with which calibration, and how much accuracy it may cost.
        progress: called before each step.

    Returns:
        The record that the file carries; its ``comparison`` has the changes of outputs and answers.

    Raises:
        FileMissingError: the file does not exist.
        BundleError: the file cannot be quantized.
        QualityError: the metric drops by more than ``options.max_drop``. Nothing is written.
        OutputError: the output cannot be written there.
        InputError: the precision is unknown, the data do not fit the model, or calibration is missing or has no effect.
    """
    if precision not in get_args(Quantized):
        raise InputError(f"precision must be one of {', '.join(get_args(Quantized))}, not {precision!r}")
    options.check_fits(precision)
    spec = PRECISIONS[precision]
    file = find_file(Path(model))
    bundle = _read_bundle(file, spec)
    steps = Steps(progress, QUANTIZE_STEPS)
    steps.begin("quantizing")
    with replacing(Path(output)) as path:
        reference = Reference(file, options.data)
        plan = _plan(spec, bundle, options, reference, path.parent)
        quantized = write_within_drop(reference, path, plan, options.max_drop, options.auto_mixed, steps)
        record = append_bundle(path, replace(bundle, record=_record(bundle.record, plan, quantized)))
    steps.finish("comparing with fp32")
    return record


def _read_bundle(file: Path, spec: PrecisionSpec) -> Bundle:
    """The bundle of a file that can be quantized.

    Raises:
        BundleError: the file is not ours, is quantized already, or its target does not have the precision.
    """
    with OnnxFile(file) as opened:
        bundle = Bundle.from_metadata(opened.contents.metadata)
    if bundle is None:
        raise BundleError(f"{file} was not exported by convbert-onnx: export the checkpoint, then quantize that file")
    record = bundle.record
    if record.precision != "fp32":
        raise BundleError(f'{file} has precision {record.precision}: quantize an export with precision="fp32"')
    if record.target not in spec.targets:
        raise BundleError(
            f"{spec.name} needs an operator of onnxruntime's: quantize an export with "
            f'target="{" or ".join(spec.targets)}"'
        )
    return bundle


def _plan(
    spec: PrecisionSpec, bundle: Bundle, options: QuantizationOptions, reference: Reference, folder: Path
) -> Plan:
    """The plan that follows from the options; calibrates where text is given, with temporary files in ``folder``."""
    ranges = options.calibration
    if isinstance(ranges, str | Path):
        ranges = collect_ranges(reference.pipe, reference.file, ranges, options.calibration_method, folder=folder)
    return Plan(
        precision=spec,
        target=bundle.record.target,
        config=bundle.config,
        cpu=cpu_of_this_machine() if options.cpu == "auto" else options.cpu,
        activations=options.activations,
        ranges=ranges,
    )


def _record(original: ExportRecord, plan: Plan, quantized: QuantizedFile) -> ExportRecord:
    """The record of a quantized file, from that of the file it was made of."""
    return replace(
        original,
        precision=plan.precision.name,
        cpu=plan.cpu if plan.precision.has_int8_activations else None,
        operators=count_special_operators(quantized.graph),
        tools={**original.tools, **tool_versions(_TOOLS)},
        layers_in_float=tuple(sorted(quantized.float_layers)),
        comparison=quantized.comparison,
    )
