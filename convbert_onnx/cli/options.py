"""Options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import click
from click.core import ParameterSource

from convbert_onnx.bundle import Activations, CalibrationMethod, Cpu

__all__ = [
    "JSON",
    "PATH",
    "allow_only",
    "hub_options",
    "quantization_options",
    "session_options",
]

PATH = click.Path(path_type=Path)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def hub_options(command: Callable[..., None]) -> Callable[..., None]:
    """Options of commands that read a repository of the Hugging Face hub."""
    offline = click.option("--offline", is_flag=True, help="Use the cached repository; do not contact the hub.")
    revision = click.option("--revision", help="Branch, tag or commit of the repository.  [default: main]")
    return revision(offline(command))


def session_options(command: Callable[..., None]) -> Callable[..., None]:
    """Options of commands that open an onnxruntime session."""
    for option in (
        click.option(
            "--mmap/--no-mmap",
            default=True,
            help="--no-mmap reads all weights into memory, so that later changes of the file have no effect.",
        ),
        click.option(
            "--native/--no-native",
            default=None,
            help="Require or disable the native kernels.  [default: use them where possible]",
        ),
        click.option(
            "--threads",
            type=click.IntRange(min=1),
            help="Threads per operator.  [default: the number of physical cores]",
        ),
        click.option(
            "--provider",
            "providers",
            multiple=True,
            help="Execution provider: cpu, cuda, tensorrt, or onnxruntime's name for one; repeatable.",
        ),
    ):
        command = option(command)
    return command


def quantization_options(command: Callable[..., None]) -> Callable[..., None]:
    """Options of commands that write quantized files."""
    for option in (
        click.option(
            "--activations",
            type=click.Choice(get_args(Activations)),
            default="unsigned",
            help="Activation type of int8-static: uint8 (unsigned, for CPUs) or int8 (signed, for TensorRT).",
        ),
        click.option(
            "--calibration-method",
            type=click.Choice(get_args(CalibrationMethod)),
            default="percentile",
            help="How int8-static derives scales from the calibration activations.",
        ),
        click.option("--calibration", type=PATH, help="Text or labelled data to calibrate int8-static on."),
        click.option("--auto-mixed", is_flag=True, help="Keep layers in float until --max-drop holds."),
        click.option(
            "--max-drop",
            type=click.FloatRange(min=0, max=1),
            default=0.005,
            help="Largest loss of the metric on --eval that is accepted, between 0 and 1.",
        ),
        click.option("--eval", "data", type=PATH, help="Labelled data to compare the quantized file with fp32 on."),
        click.option(
            "--cpu",
            type=click.Choice(["auto", *get_args(Cpu)]),
            default="auto",
            help="CPUs that an int8 file is for; auto is this machine's.",
        ),
    ):
        command = option(command)
    return command


def allow_only(ctx: click.Context, chosen: str, *allowed: str) -> None:
    """Refuse options that have no effect together with the chosen one."""
    given = {name for name in ctx.params if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    for name in sorted(given - {chosen, *allowed}):
        raise click.UsageError(f"{_flag(name)} has no effect with {_flag(chosen)}")


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
