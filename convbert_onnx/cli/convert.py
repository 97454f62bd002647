"""``convbert-onnx convert``."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from convbert_onnx.cli.options import JSON, PATH, hub_options
from convbert_onnx.cli.output import describe_conversion
from convbert_onnx.cli.streams import print_json, print_text

__all__ = ["convert"]


@click.command()
@click.argument("checkpoint")
@click.option("-o", "--output", type=PATH, required=True, help="Directory to write.")
@click.option("--task", help="Task whose head is kept.  [default: the task in the checkpoint's config]")
@hub_options
@click.option("--allow-random-head", is_flag=True, help="For tests: initialize a missing head randomly.")
@JSON
def convert(checkpoint: str, output: Path, as_json: bool, **options: Any) -> None:
    """Write a checkpoint of any format as safetensors, config and tokenizer."""
    from convbert_onnx import models

    conversion = models.convert(checkpoint, output, **options)
    if as_json:
        print_json(asdict(conversion), indent=2)
    else:
        print_text(describe_conversion(**asdict(conversion)))
