"""``convbert-onnx inspect``."""

from pathlib import Path

import click

from convbert_onnx.cli.options import JSON, PATH
from convbert_onnx.cli.output import describe_file
from convbert_onnx.cli.streams import print_json, print_text

__all__ = ["inspect"]


@click.command()
@click.argument("model", type=PATH)
@click.option("--verify", is_flag=True, help="Compare weights, graph and metadata with the hashes in the record.")
@JSON
@click.pass_context
def inspect(ctx: click.Context, /, model: Path, verify: bool, as_json: bool) -> None:
    """Show an exported file's task, inputs, origin and record."""
    from convbert_onnx import runtime

    info = runtime.inspect(model, verify=verify)
    if as_json:
        print_json(info, indent=2)
    else:
        print_text(describe_file(info))
    ctx.exit(1 if info["differs"] else 0)
