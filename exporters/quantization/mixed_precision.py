"""Write a quantized file that holds its metric, with sensitive layers in float where that is allowed."""

from dataclasses import dataclass, replace
from pathlib import Path

import onnx_ir as ir

from convbert_onnx.bundle import Comparison
from convbert_onnx.errors import QualityError
from convbert_onnx.exporters.quantization.compare import Reference
from convbert_onnx.exporters.quantization.plan import Plan
from convbert_onnx.exporters.quantization.write import write_quantized
from convbert_onnx.progress import Steps

__all__ = ["QuantizedFile", "sensitive_layers", "write_within_drop"]

_MAX_NAMED_LAYERS = 3
"""Sensitive layers that the message of a refusal names."""


@dataclass(frozen=True)
class QuantizedFile:
    """A quantized file that was written.

    Attributes:
        graph: its graph.
        float_layers: the layers that stayed in float.
        comparison: the file compared with its fp32 original.
    """

    graph: ir.Model
    float_layers: frozenset[int]
    comparison: Comparison


def write_within_drop(
    reference: Reference, output: Path, plan: Plan, max_drop: float, auto_mixed: bool, steps: Steps
) -> QuantizedFile:
    """Write a quantized file whose metric drops by at most ``max_drop``.

    Args:
        reference: the fp32 original.
        output: the file to write.
        plan: how to quantize.
        max_drop: largest accepted drop of the metric.
        auto_mixed: keep layers in float, the most sensitive first, until the metric holds, instead of refusing.
        steps: reports the comparison, which includes all further attempts.

    Raises:
        QualityError: the metric drops by more; with ``auto_mixed`` even with all layers in float.
    """
    graph = write_quantized(reference.file, output, plan)
    steps.begin("comparing with fp32")
    comparison = reference.compare(output)
    if _drop(comparison) <= max_drop:
        return QuantizedFile(graph, plan.float_layers, comparison)
    layers = sensitive_layers(reference, output, plan)
    if not auto_mixed:
        names = ", ".join(map(str, layers[:_MAX_NAMED_LAYERS]))
        raise QualityError(
            f"{_describe_drop(plan, comparison, max_drop)}. The most sensitive layers are {names}: pass "
            "auto_mixed=True to keep such layers in float"
        )
    for count in range(1, len(layers) + 1):
        mixed = replace(plan, float_layers=frozenset(layers[:count]))
        graph = write_quantized(reference.file, output, mixed)
        comparison = reference.compare(output)
        if _drop(comparison) <= max_drop:
            return QuantizedFile(graph, mixed.float_layers, comparison)
    raise QualityError(
        f"{_describe_drop(plan, comparison, max_drop)}, even with all layers in float: pass a higher max_drop=..."
    )


def sensitive_layers(reference: Reference, candidate: Path, plan: Plan) -> list[int]:
    """All layers, ordered by how much quantizing a layer alone changes the outputs, the most sensitive first.

    Args:
        reference: the fp32 original.
        candidate: where to write the files that are compared.
        plan: how to quantize.
    """
    layers = range(plan.config.num_hidden_layers)
    differences = {}
    for layer in layers:
        write_quantized(reference.file, candidate, replace(plan, float_layers=frozenset(layers) - {layer}))
        differences[layer] = reference.mean_difference(candidate)
    return sorted(differences, key=lambda layer: -differences[layer])


def _drop(comparison: Comparison) -> float:
    """How much the metric dropped; 0 where none was computed."""
    if comparison.before is None or comparison.after is None:
        return 0.0
    return comparison.before - comparison.after


def _describe_drop(plan: Plan, comparison: Comparison, max_drop: float) -> str:
    return (
        f"{plan.precision.name} lowers {comparison.metric} on {comparison.data} from {comparison.before:.4f} to "
        f"{comparison.after:.4f}, more than {max_drop:g}; nothing was written"
    )
