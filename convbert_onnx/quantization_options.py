"""The options of quantization, shared by the exporters and the command line."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal, get_args

from convbert_onnx.errors import InputError
from convbert_onnx.precisions import PRECISIONS, Precision

__all__ = ["Activations", "CalibrationMethod", "Cpu", "QuantizationOptions", "Ranges"]

Cpu = Literal["vnni", "avx2", "arm64"]
"""Which CPUs an int8 file is for: x86 with AVX-512 VNNI or AVX-VNNI, other x86, 64-bit ARM."""

CalibrationMethod = Literal["min-max", "entropy", "percentile"]
"""Which activations determine a range: all of them, or those left after one of two ways to cut off outliers."""

Activations = Literal["unsigned", "signed"]
"""The integer type of activations with fixed scales: uint8 or int8."""

Ranges = Mapping[str, tuple[float, float]]
"""The smallest and the largest value of each activation, by its name in the graph."""


@dataclass(frozen=True)
class QuantizationOptions:
    """How :func:`convbert_onnx.exporters.quantize` quantizes a file, and what it may cost.

    The command line declares its options from these fields; ``metadata`` holds their help, choices and bounds, and the
    flag where it is not the field's name.

    Attributes:
        cpu: which CPUs an int8 file is for: "vnni" (x86 with AVX-512 VNNI or AVX-VNNI), "avx2" (other x86; scales are
            slightly larger, because int8 matmuls there add pairs of products in 16 bits, which would saturate), or
            "arm64"; "auto" is this machine.
        data: labelled data of the task. Both files are then compared by the task's metric too. Without it, their
            answers are compared on sample text that ships with the exporters, and no difference is refused.
        max_drop: how much the metric, between 0 and 1, may drop on ``data``.
        auto_mixed: instead of refusing a file that drops more, keep layers in float until the metric holds, beginning
            with those whose quantization changes the outputs most.
        calibration: for "int8-static": text in a form that :func:`convbert_onnx.exporters.calibrate` reads, or the
            ranges that it returned.
        calibration_method: for "int8-static": see :func:`convbert_onnx.exporters.calibrate`.
        activations: for "int8-static": "unsigned" for CPUs, or "signed" and symmetric for TensorRT.

    Raises:
        InputError: a choice is not one of those listed.
    """

    cpu: Cpu | Literal["auto"] = field(
        default="auto",
        metadata={
            "help": "CPUs that an int8 file is for; auto is this machine's.",
            "choices": ("auto", *get_args(Cpu)),
        },
    )
    data: str | Path | None = field(
        default=None,
        metadata={"help": "Labelled data to compare the quantized file with fp32 on.", "flag": "--eval"},
    )
    max_drop: float = field(
        default=0.005,
        metadata={"help": "Largest accepted drop of the metric on --eval, between 0 and 1.", "bounds": (0, 1)},
    )
    auto_mixed: bool = field(default=False, metadata={"help": "Keep layers in float until --max-drop holds."})
    calibration: str | Path | Ranges | None = field(
        default=None, metadata={"help": "Text or labelled data to calibrate int8-static on."}
    )
    calibration_method: CalibrationMethod = field(
        default="percentile",
        metadata={
            "help": "How int8-static derives scales from the calibration activations.",
            "choices": get_args(CalibrationMethod),
        },
    )
    activations: Activations = field(
        default="unsigned",
        metadata={
            "help": "Activation type of int8-static: uint8 (unsigned, for CPUs) or int8 (signed, for TensorRT).",
            "choices": get_args(Activations),
        },
    )

    def __post_init__(self) -> None:
        for option in fields(self):
            choices, value = option.metadata.get("choices"), getattr(self, option.name)
            if choices is not None and value not in choices:
                raise InputError(f"{option.name} must be one of {', '.join(choices)}, not {value!r}")

    def check_fits(self, precision: Precision) -> None:
        """Check that calibration is given where the precision needs it, and nowhere else.

        Raises:
            InputError: it is missing, or has no effect.
        """
        needed = PRECISIONS[precision].needs_calibration
        if needed and self.calibration is None:
            raise InputError(f"{precision} needs calibration=... with text that the model reads")
        if not needed and self.calibration is not None:
            static = next(name for name, spec in PRECISIONS.items() if spec.needs_calibration)
            raise InputError(
                f'calibration=... has no effect on {precision}: pass precision="{static}", or leave it out'
            )
