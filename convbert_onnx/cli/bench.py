"""``convbert-onnx bench``."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from convbert_onnx.cli.options import JSON, PATH, session_options
from convbert_onnx.cli.output import describe_benchmark
from convbert_onnx.cli.progress import step_bar
from convbert_onnx.cli.streams import print_json, print_text

__all__ = ["bench"]


def _shapes(ctx: click.Context, parameter: click.Parameter, texts: tuple[str, ...]) -> list[tuple[int, ...]]:
    """Parse shapes such as 8x128."""
    try:
        return [tuple(int(size) for size in text.split("x")) for text in texts]
    except ValueError as error:
        raise click.BadParameter("sizes separated by x are expected, such as 1x128") from error


@click.command()
@click.argument("model", type=PATH)
@click.option(
    "--shape",
    "shapes",
    multiple=True,
    callback=_shapes,
    metavar="BATCHxLENGTH",
    help="Input shape in tokens; for multiple choice BATCHxCHOICESxLENGTH; repeatable.  [default: 1x128 and 8x128]",
)
@click.option("--repeats", type=click.IntRange(min=1), help="Timed runs per shape, instead of --seconds.")
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=2.0,
    help="Time per shape; there are at least ten runs.",
)
@click.option("--profile", "with_profile", is_flag=True, help="Show the time spent in each operator.")
@click.option("--task", help="Task, for a file that does not record it.")
@session_options
@JSON
def bench(model: Path, as_json: bool, **options: Any) -> None:
    """Time an exported model on random tokens."""
    from convbert_onnx import runtime

    with step_bar() as progress:
        result = runtime.bench(model, **options, progress=progress)
    if as_json:
        print_json(asdict(result), indent=2)
    else:
        print_text(describe_benchmark(result))
