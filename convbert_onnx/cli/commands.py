"""The command line: thin callers of the library, and the only place that prints."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from inspect import signature
from pathlib import Path
from typing import Any, get_args

import click
from click.core import ParameterSource
from tqdm import tqdm

from convbert_onnx.bundle import (
    OPSETS,
    Activations,
    CalibrationMethod,
    Cpu,
    ExportRecord,
    Layout,
    Padding,
    Precision,
    Quantized,
    Target,
)
from convbert_onnx.cli.console import Group, Text, is_file_name, open_input, open_stream, print_json, print_text
from convbert_onnx.cli.output import (
    describe_benchmark,
    describe_conversion,
    describe_evaluation,
    describe_export,
    describe_file,
    describe_result,
)

__all__ = ["main"]

_PATH = click.Path(path_type=Path)
_BAR = "{desc} {bar} {n_fmt}/{total_fmt}"
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
_PROVIDER = click.option(
    "--provider", "providers", multiple=True, help="cpu, cuda, tensorrt or onnxruntime's name; repeatable."
)
_THREADS = click.option(
    "--threads", type=click.IntRange(min=1), help="Threads per operator; by default the physical cores."
)
_NATIVE = click.option(
    "--native/--no-native", default=None, help="Demand or forbid the native kernels.  [default: where possible]"
)

_MMAP = click.option(
    "--mmap/--no-mmap",
    default=True,
    help="--no-mmap reads all weights into memory, so that nothing that is done to the file later matters.",
)


def _int8(command: Callable[..., None]) -> Callable[..., None]:
    """The options of commands that write int8 files."""
    for option in (
        click.option(
            "--activations",
            type=click.Choice(get_args(Activations)),
            default="unsigned",
            help="Bytes of int8-static: unsigned for CPUs, signed for TensorRT.",
        ),
        click.option(
            "--calibration-method",
            type=click.Choice(get_args(CalibrationMethod)),
            default="percentile",
            help="Which activations count for the scales of int8-static.",
        ),
        click.option("--calibration", type=_PATH, help="Text, or labelled data, that fixes the scales of int8-static."),
        click.option("--auto-mixed", is_flag=True, help="Keep layers in float until --max-drop holds."),
        click.option(
            "--max-drop",
            type=click.FloatRange(min=0, max=1),
            default=0.005,
            help="Most that int8 may lose of the metric on --eval, between 0 and 1.",
        ),
        click.option("--eval", "data", type=_PATH, help="Labelled data to compare int8 with fp32 on."),
        click.option(
            "--cpu",
            type=click.Choice(["auto", *get_args(Cpu)]),
            default="auto",
            help="Which CPUs an int8 file is for; auto is this machine.",
        ),
    ):
        command = option(command)
    return command


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(package_name="convbert-onnx")
@click.option("--debug", is_flag=True, help="Show a traceback when something fails.")
def main(debug: bool) -> None:
    """Export ConvBERT to ONNX, and run the exported file without torch."""


def _hub(command: Callable[..., None]) -> Callable[..., None]:
    """The options of commands that take a repository of the hub."""
    offline = click.option("--offline", is_flag=True, help="Take the repository from the cache; do not ask the hub.")
    return click.option("--revision", help="Branch, tag or commit of the repository.  [default: main]")(
        offline(command)
    )


@main.command()
@click.option("--model", "checkpoint", help="Checkpoint directory, or repository of the hub.")
@click.option("--from-optimum", type=_PATH, metavar="DIR", help="Take the model that optimum exported to DIR as it is.")
@_hub
@click.option("--task", help="Task or short name, such as qa; by default what the checkpoint's config says.")
@click.option("-o", "--output", type=_PATH, help="File to write.  [default: model.onnx; a directory layout: model]")
@click.option("--target", type=click.Choice(get_args(Target)), default="cpu", help="Runtimes the graph is for.")
@click.option(
    "--precision", type=click.Choice(get_args(Precision)), default="fp32", help="Number format of the weights."
)
@_int8
@click.option(
    "--opset", type=click.IntRange(OPSETS[0], OPSETS[-1]), default=OPSETS[0], help="Version of the standard operators."
)
@click.option(
    "--padding",
    type=click.Choice(get_args(Padding)),
    default="masked",
    help="masked: padding never changes results. as-trained: it leaks into the convolutions, as in the reference.",
)
@click.option(
    "--layout",
    type=click.Choice(get_args(Layout)),
    default="file",
    help="One file, or a directory with config.json and tokenizer.json beside it.",
)
@click.option("--tokenizer", type=_PATH, help="Directory with the tokenizer; by default the checkpoint.")
@click.option("--allow-random-head", is_flag=True, help="For tests: draw a head that the checkpoint lacks.")
@_JSON
@click.pass_context
def export(
    ctx: click.Context,
    /,
    checkpoint: str | None,
    from_optimum: Path | None,
    output: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Export a checkpoint to one validated file."""
    if (checkpoint is None) == (from_optimum is None):
        raise click.UsageError("give either --model with a checkpoint, or --from-optimum with a directory")
    if from_optimum is not None:
        _only(ctx, "from_optimum", "output", "task", "tokenizer", "as_json")
    from convbert_onnx import exporters
    from convbert_onnx.runtime.model_files.external_data import total_bytes

    directory = options["layout"] == "directory"
    output = output or Path("model" if directory else "model.onnx")
    if from_optimum is not None:
        record = exporters.from_optimum(from_optimum, output, task=options["task"], tokenizer=options["tokenizer"])
    else:
        assert checkpoint is not None
        with _steps() as progress:
            record = exporters.export(checkpoint, output, **options, progress=progress)
    file = output / "model.onnx" if directory else output
    _tell_export(record, file, total_bytes(file), as_json)


@main.command()
@click.argument("model", type=_PATH)
@click.option("-o", "--output", type=_PATH, required=True, help="File to write.")
@click.option(
    "--precision", type=click.Choice(get_args(Quantized)), default="int8", help="Bytes in products, or only weights."
)
@_int8
@_JSON
def quantize(model: Path, output: Path, as_json: bool, **options: Any) -> None:
    """Write an exported fp32 file in int8, or with small weights."""
    from convbert_onnx import exporters
    from convbert_onnx.runtime.model_files.external_data import total_bytes

    with _steps() as progress:
        record = exporters.quantize(model, output, **options, progress=progress)
    _tell_export(record, output, total_bytes(output), as_json)


@main.command()
@click.argument("checkpoint")
@click.option("-o", "--output", type=_PATH, required=True, help="Directory to write.")
@click.option("--task", help="Keep this task's head; by default the one that the checkpoint's config names.")
@_hub
@click.option("--allow-random-head", is_flag=True, help="For tests: draw a head that the checkpoint lacks.")
@_JSON
def convert(checkpoint: str, output: Path, as_json: bool, **options: Any) -> None:
    """Write a checkpoint of any format as safetensors, config and tokenizer."""
    from convbert_onnx import models

    conversion = models.convert(checkpoint, output, **options)
    if as_json:
        print_json(asdict(conversion), indent=2)
    else:
        print_text(describe_conversion(**asdict(conversion)))


@main.command()
@click.argument("model", type=_PATH)
@click.option("--inputs", type=Text(), help="The text, for most tasks.")
@click.option(
    "--sequences", type=Text(), help="Zero-shot classification: the text; the labels are -p candidate_labels=a,b,c."
)
@click.option("--prompt", type=Text(), help="Multiple choice: the prompt.")
@click.option("--choices", type=Text(), multiple=True, help="Multiple choice: a continuation; repeatable.")
@click.option("--question", type=Text(), help="Question answering: the question.")
@click.option("--context", type=Text(), help="Question answering: the text that answers it.")
@click.option("--input", "source", help="JSON Lines to answer, one object of arguments per line; - is standard input.")
@click.option("--output", "sink", help="Where the JSON Lines of results go.  [default: -, standard output]")
@click.option("--resume", is_flag=True, help="Go on where an earlier run with the same input and --output stopped.")
@click.option("--task", help="Task of a file that does not say it itself, or zero-shot-classification.")
@click.option(
    "-p",
    "--parameter",
    "parameters",
    type=Text(),
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter, such as top_k=3; repeatable.",
)
@_PROVIDER
@_THREADS
@_NATIVE
@_MMAP
@_JSON
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
    """Run an exported model on one example, or on a file of them."""
    call = {
        name: list(value) if name == "choices" else value
        for name, value in arguments.items()
        if value not in (None, ())
    }
    if (source is None) == (not call):
        raise click.UsageError("give either an example (--inputs, or --question and --context), or --input with a file")
    if source is None and (sink is not None or resume):
        raise click.UsageError(f"{'--resume' if resume else '--output'} is for --input with a file")
    if resume and (sink is None or not is_file_name(sink)):
        raise click.UsageError("--resume needs --output with a file")
    if sink is not None and Path(sink).is_dir():
        raise click.UsageError(f"--output {sink} is a directory: name a file")
    values = dict(map(_name_and_value, parameters))
    from convbert_onnx import runtime

    options = values.keys() & {"self", *signature(runtime.ConvBertOnnxPipeline).parameters} - {"batch_size"}
    if options:
        raise click.UsageError(f"-p {min(options)}: this is not a parameter of the task; see --help for options")
    pipe = runtime.ConvBertOnnxPipeline(
        model, task, list(providers) or None, threads, native=native, mmap=mmap, **values
    )
    if source is not None:
        ctx.exit(_run_lines(pipe, source, sink or "-", resume))
    result = pipe(**{**values, **call})
    if as_json:
        print_json(result)
    else:
        print_text(describe_result(pipe.task, values | call, result))


@main.command()
@click.argument("model", type=_PATH)
@click.option("--verify", is_flag=True, help="Compare weights, graph and metadata with their hashes in the record.")
@_JSON
@click.pass_context
def inspect(ctx: click.Context, /, model: Path, verify: bool, as_json: bool) -> None:
    """Show what an exported file says of itself."""
    from convbert_onnx import runtime

    info = runtime.inspect(model, verify=verify)
    if as_json:
        print_json(info, indent=2)
    else:
        print_text(describe_file(info))
    ctx.exit(1 if info["differs"] else 0)


def _shapes(ctx: click.Context, parameter: click.Parameter, texts: tuple[str, ...]) -> list[tuple[int, ...]]:
    """Sizes with x between them."""
    try:
        return [tuple(int(size) for size in text.split("x")) for text in texts]
    except ValueError as error:
        raise click.BadParameter("sizes with x between them are needed, such as 1x128") from error


@main.command()
@click.argument("model", type=_PATH)
@click.option(
    "--shape",
    "shapes",
    multiple=True,
    callback=_shapes,
    metavar="BATCHxLENGTH",
    help="Sizes in tokens, of multiple choice BATCHxCHOICESxLENGTH; repeatable.  [default: a batch of 1 and one of 8, "
    "of length 128]",
)
@click.option("--repeats", type=click.IntRange(min=1), help="Timed runs per shape, instead of --seconds.")
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=2.0,
    help="Time per shape; at least ten runs whatever they take.",
)
@click.option("--profile", "with_profile", is_flag=True, help="Show which operators take the time.")
@click.option("--task", help="Task of a file that does not say it itself.")
@_PROVIDER
@_THREADS
@_NATIVE
@_MMAP
@_JSON
def bench(model: Path, as_json: bool, **options: Any) -> None:
    """Time an exported model on random tokens."""
    from convbert_onnx import runtime

    with _steps() as progress:
        result = runtime.bench(model, **options, progress=progress)
    if as_json:
        print_json(asdict(result), indent=2)
    else:
        print_text(describe_benchmark(result))


@main.command("eval")
@click.argument("model", type=_PATH)
@click.option("--data", type=_PATH, required=True, help="Labelled data in the usual format of the model's task.")
@click.option("--limit", type=click.IntRange(min=1), help="Most examples, from the beginning of the file.")
@click.option(
    "--batch-size", type=click.IntRange(min=1), help="Most rows in a batch.  [default: limited by its tokens]"
)
@click.option("--task", help="Task of a file that does not say it itself.")
@_PROVIDER
@_THREADS
@_NATIVE
@_MMAP
@_JSON
def evaluate(
    model: Path,
    data: Path,
    task: str | None,
    providers: tuple[str, ...],
    threads: int | None,
    native: bool | None,
    mmap: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Compute the metrics of an exported model on labelled data."""
    from convbert_onnx import runtime

    pipe = runtime.ConvBertOnnxPipeline(model, task, list(providers) or None, threads, native=native, mmap=mmap)
    with _steps() as progress:
        result = runtime.evaluate(pipe, data, **options, progress=progress)
    if as_json:
        print_json(asdict(result), indent=2)
    else:
        print_text(describe_evaluation(result))


def _tell_export(record: ExportRecord, file: Path, size: int, as_json: bool) -> None:
    if as_json:
        print_json({"file": str(file), "bytes": size, **record.to_dict()}, indent=2)
    else:
        print_text(describe_export(record, str(file), size))


def _run_lines(pipe: Any, source: str, sink: str, resume: bool) -> int:
    """Answer a file of JSON Lines; the exit code says whether a line failed."""
    from convbert_onnx.runtime.json_lines.answer_file import Answered, answer_file, answer_stream

    size = Path(source).stat().st_size if Path(source).is_file() else None
    with open_input(source) as lines, ExitStack() as stack:
        bar: Any = None

        def progress(answered: Answered) -> None:
            nonlocal bar
            if bar is None:
                # Counts bytes, so that a file need not be read twice; begins with what an earlier run has answered.
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


@contextmanager
def _steps() -> Iterator[Any]:
    """A progress bar over named steps."""
    with ExitStack() as stack:
        bar: Any = None

        def progress(step: str, done: int, total: int) -> None:
            nonlocal bar
            if bar is None:  # not before: a download shows bars of its own
                bar = stack.enter_context(tqdm(bar_format=_BAR, leave=False, disable=None))
            bar.total, bar.n = total, done
            bar.set_description_str(f"{step:<24}")

        yield progress


def _only(ctx: click.Context, chosen: str, *allowed: str) -> None:
    """Refuse options that do nothing beside the chosen one."""
    given = {name for name in ctx.params if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    for name in sorted(given - {chosen, *allowed}):
        raise click.UsageError(f"{_flag(name)} does nothing with {_flag(chosen)}")


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _name_and_value(text: str) -> tuple[str, Any]:
    name, separator, value = text.partition("=")
    if not separator or not name.isidentifier():
        raise click.UsageError(f"-p takes NAME=VALUE, such as top_k=3, not {text!r}")
    from convbert_onnx.runtime.parameters import CommandLineValue

    return name, CommandLineValue(value)
