"""``convbert-onnx run``."""

from collections.abc import Callable
from contextlib import ExitStack
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, Never

import click
from tqdm import tqdm

from convbert_onnx.cli.options import JSON, PATH, session_options
from convbert_onnx.cli.streams import Text, is_file_name, open_input, open_stream, print_json, print_text
from convbert_onnx.tasks import call_arguments

if TYPE_CHECKING:  # they need numpy and onnxruntime, and --help does not
    from convbert_onnx.runtime import ConvBertOnnxPipeline
    from convbert_onnx.runtime.parameters import CommandLineValue

__all__ = ["run"]


def _call_options(command: Callable[..., None]) -> Callable[..., None]:
    """An option for each argument of the tasks' pipelines."""
    for argument in reversed(call_arguments()):
        option = click.option(f"--{argument.name}", type=Text(), multiple=argument.repeatable, help=argument.help)
        command = option(command)
    return command


@click.command()
@click.argument("model", type=PATH)
@_call_options
@click.option("--input", "source", help="JSON Lines, one object of call arguments per line; - is standard input.")
@click.option("--output", "sink", help="File for the JSON Lines of results.  [default: -, standard output]")
@click.option("--resume", is_flag=True, help="Continue an interrupted run with the same --input and --output.")
@click.option("--task", help="Task of a file that does not record it, or zero-shot-classification.")
@click.option(
    "-p",
    "--parameter",
    "parameters",
    type=Text(),
    multiple=True,
    metavar="NAME=VALUE",
    help="Parameter of the task, such as top_k=3; repeatable.",
)
@session_options
@JSON
@click.pass_context
def run(
    ctx: click.Context,
    /,
    model: Path,
    source: str | None,
    sink: str | None,
    resume: bool,
    task: str | None,
    parameters: tuple[str, ...],
    providers: tuple[str, ...],
    threads: int | None,
    native: bool | None,
    mmap: bool,
    as_json: bool,
    **arguments: Any,
) -> None:
    """Run an exported model on one example, or on a file of examples."""
    call = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in arguments.items()
        if value not in (None, ())
    }
    if (source is None) == (not call):
        raise click.UsageError("give either an example (--inputs, or --question and --context), or --input with a file")
    if source is None and (sink is not None or resume):
        raise click.UsageError(f"{'--resume' if resume else '--output'} needs --input with a file")
    if resume and (sink is None or not is_file_name(sink)):
        raise click.UsageError("--resume needs --output with a file")
    if sink is not None and Path(sink).is_dir():
        raise click.UsageError(f"--output {sink} is a directory: name a file")
    values: dict[str, Any] = dict(map(_name_and_value, parameters))
    from convbert_onnx.runtime import ConvBertOnnxPipeline

    options = values.keys() & {"self", *signature(ConvBertOnnxPipeline).parameters} - {"batch_size"}
    if options:
        raise click.UsageError(f"-p {min(options)}: this is not a parameter of the task; see --help for options")
    pipe = ConvBertOnnxPipeline(model, task, list(providers) or None, threads, native=native, mmap=mmap, **values)
    if source is not None:
        ctx.exit(_run_file(pipe, source, sink or "-", resume))
    result = pipe(**{**values, **call})
    if as_json:
        print_json(result)
    else:
        print_text(pipe.describe(values | call, result))


def _run_file(pipe: "ConvBertOnnxPipeline", source: str, sink: str, resume: bool) -> int:
    """Answer a file of JSON Lines; the exit code is 1 if a line failed."""
    from convbert_onnx.runtime.json_lines.answer_file import AnswerCounts, answer_file, answer_stream

    size = Path(source).stat().st_size if Path(source).is_file() else None
    with open_input(source) as lines, ExitStack() as stack:
        bar: tqdm[Never] | None = None

        def progress(answered: AnswerCounts) -> None:
            nonlocal bar
            if bar is None:
                # In bytes, so that a file need not be read twice. A resumed run starts where the last one stopped.
                bar = stack.enter_context(
                    tqdm(total=size, unit="B", unit_scale=True, desc="answering", disable=None, initial=answered.bytes)
                )
                if resume and answered.lines:
                    click.echo(f"continuing after {answered.lines:,} lines", err=True)
            bar.update(answered.bytes - bar.n)

        if is_file_name(sink):
            answered = answer_file(pipe, lines, sink, resume=resume, progress=progress)
        else:
            with open_stream(sink) as output:
                answered = answer_stream(pipe, lines, output, progress)
    if answered.failed:
        click.echo(f"{answered.failed} of {answered.results} lines failed; their output says why", err=True)
    return 1 if answered.failed else 0


def _name_and_value(text: str) -> tuple[str, "CommandLineValue"]:
    name, separator, value = text.partition("=")
    if not separator or not name.isidentifier():
        raise click.UsageError(f"-p takes NAME=VALUE, such as top_k=3, not {text!r}")
    from convbert_onnx.runtime.parameters import CommandLineValue

    return name, CommandLineValue(value)
