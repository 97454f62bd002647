"""The precisions of exported files, one row each.

To add a precision, add its name and its row here, and the module in ``exporters/quantization`` that the row names.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["PRECISIONS", "Kind", "Precision", "PrecisionSpec", "Quantized", "Target"]

Target = Literal["cpu", "portable"]
"""Which runtimes a graph is for: those that take our operators, or all of them."""

Quantized = Literal["int8", "int8-static", "int8-weights", "int4-weights"]
"""int8 matmuls, with activation scales computed at run time or fixed by calibration; or 8-bit or 4-bit weights."""

Precision = Literal["fp32", Quantized]

Kind = Literal["float", "dynamic", "static", "weight-only"]
"""How matmuls are computed: in float; in int8 with activation scales computed at run time, or fixed by calibration; or
in float with integer weights."""


@dataclass(frozen=True)
class PrecisionSpec:
    """A row of the table of precisions.

    Attributes:
        name: the name in options and in the export record.
        bits: bits of a matmul's weights.
        kind: how matmuls are computed.
        rewriters: for each target that the precision is for, the module in ``exporters/quantization`` whose function
            ``rewrite`` makes the graph; None where the exported graph stays as it is.
    """

    name: Precision
    bits: int
    kind: Kind
    rewriters: Mapping[Target, str | None]

    @property
    def targets(self) -> tuple[Target, ...]:
        """The targets that the precision is for."""
        return tuple(self.rewriters)

    @property
    def has_int8_activations(self) -> bool:
        """Whether matmuls multiply int8 activations, so that a file has a form for a kind of CPU."""
        return self.kind in ("dynamic", "static")

    @property
    def needs_calibration(self) -> bool:
        """Whether the scales of activations are fixed in the file."""
        return self.kind == "static"


_ROWS = (
    PrecisionSpec("fp32", 32, "float", {"cpu": None, "portable": None}),
    PrecisionSpec("int8", 8, "dynamic", {"cpu": "dynamic_per_token", "portable": "dynamic_per_tensor"}),
    PrecisionSpec("int8-static", 8, "static", {"cpu": "static_qdq", "portable": "static_qdq"}),
    PrecisionSpec("int8-weights", 8, "weight-only", {"cpu": "weight_only"}),
    PrecisionSpec("int4-weights", 4, "weight-only", {"cpu": "weight_only"}),
)

PRECISIONS: Mapping[str, PrecisionSpec] = {row.name: row for row in _ROWS}
"""The rows by their names."""
