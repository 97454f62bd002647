import inspect
from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import Any, get_args

import click
import pytest

from convbert_onnx.cli.options import quantization_options
from convbert_onnx.errors import InputError
from convbert_onnx.quantization_options import Activations, CalibrationMethod, QuantizationOptions


def test_options_are_frozen_and_have_defaults() -> None:
    options = QuantizationOptions()
    assert (options.cpu, options.max_drop, options.calibration_method) == ("auto", 0.005, "percentile")
    with pytest.raises(FrozenInstanceError):
        options.cpu = "vnni"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cpu": "z80"}, "cpu must be one of auto, vnni, avx2, arm64, not 'z80'"),
        ({"activations": "byte"}, "activations must be one of unsigned, signed, not 'byte'"),
        ({"calibration_method": None}, "calibration_method must be one of min-max, entropy, percentile, not None"),
    ],
)
def test_unknown_choices_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        QuantizationOptions(**options)


def test_calibration_is_required_by_static_precisions_only() -> None:
    calibrated = QuantizationOptions(calibration={"x": (0.0, 1.0)})
    calibrated.check_fits("int8-static")
    QuantizationOptions().check_fits("int4-weights")
    with pytest.raises(InputError, match=r"int8-static needs calibration=\.\.\. with text"):
        QuantizationOptions().check_fits("int8-static")
    for precision in ("fp32", "int8"):
        with pytest.raises(InputError, match=f'no effect on {precision}: pass precision="int8-static"'):
            calibrated.check_fits(precision)


def test_the_command_line_has_an_option_per_field() -> None:
    received: list[QuantizationOptions] = []

    @click.command()
    @quantization_options
    def command(quantization: QuantizationOptions) -> None:
        received.append(quantization)

    arguments = {
        "--cpu": "avx2",
        "--eval": "data.json",
        "--max-drop": "0.5",
        "--calibration": "text.txt",
        "--calibration-method": "entropy",
        "--activations": "signed",
    }
    command([], standalone_mode=False)
    command([*(part for pair in arguments.items() for part in pair), "--auto-mixed"], standalone_mode=False)
    assert received == [
        QuantizationOptions(),
        QuantizationOptions("avx2", Path("data.json"), 0.5, True, Path("text.txt"), "entropy", "signed"),
    ]
    options = {option.name: option for option in command.params if isinstance(option, click.Option)}
    assert list(options) == [option.name for option in fields(QuantizationOptions)]
    for name, choices in (("calibration_method", CalibrationMethod), ("activations", Activations)):
        kind = options[name].type
        assert isinstance(kind, click.Choice) and tuple(kind.choices) == get_args(choices)


def test_every_field_is_documented() -> None:
    text = inspect.getdoc(QuantizationOptions)
    assert text is not None
    assert all(f"{option.name}: " in text and option.metadata["help"] for option in fields(QuantizationOptions))
