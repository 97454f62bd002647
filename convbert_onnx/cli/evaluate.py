"""``convbert-onnx eval``."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from convbert_onnx.cli.options import JSON, PATH, session_options
from convbert_onnx.cli.output import describe_evaluation
from convbert_onnx.cli.progress import step_bar
from convbert_onnx.cli.streams import print_json, print_text

__all__ = ["evaluate"]


@click.command("eval")
@click.argument("model", type=PATH)
@click.option("--data", type=PATH, required=True, help="Labelled data in a standard format of the model's task.")
@click.option("--limit", type=click.IntRange(min=1), help="Evaluate the first examples only, at most this many.")
@click.option("--batch-size", type=click.IntRange(min=1), help="Largest batch in rows.  [default: a limit in tokens]")
@click.option("--task", help="Task, for a file that does not record it.")
@session_options
@JSON
def evaluate(model: Path, data: Path, limit: int | None, batch_size: int | None, as_json: bool, **options: Any) -> None:
    """Compute the metrics of an exported model on labelled data."""
    from convbert_onnx import runtime

    pipe = runtime.ConvBertOnnxPipeline(model, **{**options, "providers": list(options["providers"]) or None})
    with step_bar() as progress:
        result = runtime.evaluate(pipe, data, limit=limit, batch_size=batch_size, progress=progress)
    if as_json:
        print_json(asdict(result), indent=2)
    else:
        print_text(describe_evaluation(result))
