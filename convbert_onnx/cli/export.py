"""``convbert-onnx export``."""

from pathlib import Path
from typing import Any, get_args

import click

from convbert_onnx.bundle import OPSETS, ExportRecord, Layout, Padding, Precision, Target
from convbert_onnx.cli.options import JSON, PATH, allow_only, hub_options, quantization_options
from convbert_onnx.cli.output import describe_export
from convbert_onnx.cli.progress import step_bar
from convbert_onnx.cli.streams import print_json, print_text

__all__ = ["export", "print_record"]


@click.command()
@click.option("--model", help="Checkpoint directory, or repository of the hub.")
@click.option("--from-optimum", type=PATH, metavar="DIR", help="Convert the model that optimum exported to DIR.")
@hub_options
@click.option("--task", help="Task or short name, such as qa.  [default: the task in the checkpoint's config]")
@click.option("-o", "--output", type=PATH, help="File to write.  [default: model.onnx; a directory layout: model]")
@click.option("--target", type=click.Choice(get_args(Target)), default="cpu", help="Runtimes that the graph is for.")
@click.option("--precision", type=click.Choice(get_args(Precision)), default="fp32", help="Precision of the file.")
@quantization_options
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
    help="One file, or a directory that also has config.json and tokenizer.json.",
)
@click.option("--tokenizer", type=PATH, help="Directory with the tokenizer.  [default: the checkpoint]")
@click.option("--allow-random-head", is_flag=True, help="For tests: initialize a missing head randomly.")
@JSON
@click.pass_context
def export(
    ctx: click.Context,
    /,
    model: str | None,
    from_optimum: Path | None,
    output: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Export a checkpoint to one validated file."""
    if (model is None) == (from_optimum is None):
        raise click.UsageError("give either --model with a checkpoint, or --from-optimum with a directory")
    if from_optimum is not None:
        allow_only(ctx, "from_optimum", "output", "task", "tokenizer", "as_json")
    from convbert_onnx import exporters

    directory = options["layout"] == "directory"
    output = output or Path("model" if directory else "model.onnx")
    if from_optimum is not None:
        record = exporters.from_optimum(from_optimum, output, task=options["task"], tokenizer=options["tokenizer"])
    else:
        assert model is not None
        with step_bar() as progress:
            record = exporters.export(model, output, **options, progress=progress)
    print_record(record, output / "model.onnx" if directory else output, as_json)


def print_record(record: ExportRecord, file: Path, as_json: bool) -> None:
    """Print the record of a file that was just written."""
    from convbert_onnx.runtime.model_files.external_data import total_bytes

    size = total_bytes(file)
    if as_json:
        print_json({"file": str(file), "bytes": size, **record.to_dict()}, indent=2)
    else:
        print_text(describe_export(record, str(file), size))
