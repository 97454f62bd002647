"""The command line: thin callers of the library, and the only place that prints.

Each command is a module here, and is added to the group below.
"""

import click

from convbert_onnx.cli.bench import bench
from convbert_onnx.cli.convert import convert
from convbert_onnx.cli.evaluate import evaluate
from convbert_onnx.cli.export import export
from convbert_onnx.cli.group import Group
from convbert_onnx.cli.inspect import inspect
from convbert_onnx.cli.quantize import quantize
from convbert_onnx.cli.run import run

__all__ = ["main"]


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(package_name="convbert-onnx")
@click.option("--debug", is_flag=True, help="Show a traceback when a command fails.")
def main(debug: bool) -> None:
    """Export ConvBERT to ONNX, and run the exported file without torch."""


for command in (export, quantize, convert, run, inspect, bench, evaluate):
    main.add_command(command)
