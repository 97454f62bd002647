"""``convbert-onnx quantize``."""

from pathlib import Path
from typing import get_args

import click

from convbert_onnx.bundle import Quantized
from convbert_onnx.cli.export import print_record
from convbert_onnx.cli.options import JSON, PATH, quantization_options
from convbert_onnx.cli.progress import step_bar
from convbert_onnx.quantization_options import QuantizationOptions

__all__ = ["quantize"]


@click.command()
@click.argument("model", type=PATH)
@click.option("-o", "--output", type=PATH, required=True, help="File to write.")
@click.option(
    "--precision",
    type=click.Choice(get_args(Quantized)),
    default="int8",
    help="int8 matmuls with dynamic or static scales, or weight-only 8 or 4 bits.",
)
@quantization_options
@JSON
def quantize(model: Path, output: Path, precision: Quantized, quantization: QuantizationOptions, as_json: bool) -> None:
    """Quantize an exported fp32 file."""
    from convbert_onnx import exporters

    with step_bar() as progress:
        record = exporters.quantize(model, output, precision=precision, options=quantization, progress=progress)
    print_record(record, output, as_json)
