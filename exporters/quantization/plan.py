"""The plan of a quantization: what the rewriting of the graph depends on."""

from dataclasses import dataclass

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.precisions import PrecisionSpec, Target
from convbert_onnx.quantization_options import Activations, Cpu, Ranges
from convbert_onnx.runtime.sessions.cpu import pairs_saturate

__all__ = ["Plan"]


@dataclass(frozen=True)
class Plan:
    """How a graph is rewritten.

    Attributes:
        precision: the row of the precision.
        target: the target of the exported file.
        config: the model's config.
        cpu: which CPUs a file with int8 activations is for.
        activations: integer type of activations with fixed scales.
        ranges: the ranges of activations with fixed scales.
        float_layers: layers whose matmuls stay in float, from 0.
    """

    precision: PrecisionSpec
    target: Target
    config: ConvBertConfig
    cpu: Cpu
    activations: Activations
    ranges: Ranges | None = None
    float_layers: frozenset[int] = frozenset()

    @property
    def fit_pairs(self) -> bool:
        """Whether weights have to leave room for int8 matmuls that add pairs: see :func:`quantize_columns`."""
        return self.precision.has_int8_activations and pairs_saturate(self.cpu)
