"""Options that several commands share."""

from collections.abc import Callable
from dataclasses import Field, fields
from functools import wraps
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from convbert_onnx.quantization_options import QuantizationOptions

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
    """Options of commands that write quantized files, one per field of QuantizationOptions.

    The command gets them as one argument, ``quantization``.
    """
    names = [option.name for option in fields(QuantizationOptions)]

    @wraps(command)
    def run(*args: Any, **values: Any) -> None:
        chosen = {name: values.pop(name) for name in names}
        command(*args, quantization=QuantizationOptions(**chosen), **values)

    for option in reversed(fields(QuantizationOptions)):
        click.option(
            option.metadata.get("flag", _flag(option.name)),
            option.name,
            type=_type_of(option),
            is_flag=option.default is False,
            default=option.default,
            help=option.metadata["help"],
        )(run)
    return run


def _type_of(option: Field[Any]) -> "click.ParamType[Any] | None":  # quoted: generic since click 8.3 only
    """The type of a field's option: that of its choices or its bounds, none for a flag, else a path."""
    if "choices" in option.metadata:
        return click.Choice(option.metadata["choices"])
    if "bounds" in option.metadata:
        return click.FloatRange(*option.metadata["bounds"])
    return None if option.default is False else PATH


def allow_only(ctx: click.Context, chosen: str, *allowed: str) -> None:
    """Refuse options that have no effect together with the chosen one."""
    given = {name for name in ctx.params if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    for name in sorted(given - {chosen, *allowed}):
        raise click.UsageError(f"{_flag(name)} has no effect with {_flag(chosen)}")


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
