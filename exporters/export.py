"""export(): write a checkpoint or a model as one validated file that carries everything needed to use it."""

from collections.abc import Mapping
from pathlib import Path
from typing import get_args

import onnx_ir as ir
from torch import nn

from convbert_onnx.bundle import OPSETS, ExportRecord, Layout, Padding, Precision, Target, ValidatedShape
from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import ExportError
from convbert_onnx.exporters.edits.apply import apply_edits
from convbert_onnx.exporters.functions import add_functions, count_special_operators, inline_functions
from convbert_onnx.exporters.loading import Loaded, find_source, load
from convbert_onnx.exporters.quantization.quantize import QUANTIZE_STEPS, quantize
from convbert_onnx.exporters.save import append_bundle, save_graph
from convbert_onnx.exporters.tool_versions import tool_versions
from convbert_onnx.exporters.trace import trace
from convbert_onnx.exporters.validate import TOLERANCE, shapes_to_validate, validate
from convbert_onnx.files import replacing
from convbert_onnx.precisions import PRECISIONS
from convbert_onnx.progress import Progress, Steps, no_progress
from convbert_onnx.quantization_options import QuantizationOptions
from convbert_onnx.runtime.tokenization.base import TokenizerBase

__all__ = ["export"]

_TOOLS = ("torch", "onnx", "onnx-ir", "onnxscript", "tokenizers")


def export(
    model: nn.Module | str | Path,
    output: str | Path,
    *,
    task: str | None = None,
    target: Target = "cpu",
    precision: Precision = "fp32",
    quantization: QuantizationOptions = QuantizationOptions(),
    opset: int = 18,
    padding: Padding = "masked",
    layout: Layout = "file",
    tokenizer: TokenizerBase | str | Path | None = None,
    allow_random_head: bool = False,
    revision: str | None = None,
    offline: bool = False,
    progress: Progress = no_progress,
) -> ExportRecord:
    """Write a model as one ONNX file, after comparing the file with the model.

    Weights above 2 GB, which is more than an ONNX file can hold, go to a second file next to it with ``.data`` at the
    end of its name.

    Args:
        model: a checkpoint directory; the id of a repository of the Hugging Face hub; or a model: of
            :mod:`convbert_onnx.models`, of the reference's class, of a class derived from one of these, or one of them
            inside DataParallel, a compiled module or the like. The model is not changed.
        output: the file to write, or with ``layout="directory"`` the directory.
        task: name or short name; by default that of the model's head.
        target: "cpu" keeps our operators, each with an ONNX function for engines without a kernel for it; "portable"
            has standard operators only.
        precision: "fp32"; or "int8", "int8-static", "int8-weights" or "int4-weights", which :func:`quantize` makes
            from it.
        quantization: the options of :func:`quantize`.
        opset: version of the standard operators, one of ``OPSETS``.
        padding: "masked" makes every row independent of padding; "as-trained" lets padding leak into the convolutions,
            as the reference does.
        layout: "file", or "directory" as optimum has it (model.onnx, config.json, tokenizer.json).
        tokenizer: a tokenizer or a directory with one; by default the checkpoint's.
        allow_random_head: export a head with random weights where the checkpoint has none (for tests).
        revision: branch, tag or commit of the repository; by default ``main``.
        offline: take the repository from the cache, without asking the hub.
        progress: called before each step.

    Returns:
        The record that the file carries.

    Raises:
        FileMissingError: the checkpoint, a file of it, or its tokenizer does not exist.
        HubError: the hub cannot be reached, or refuses.
        ConfigError: the checkpoint's config is not a ConvBERT's.
        CheckpointError: its weights do not fit (MissingHeadError: it has none for the task's head).
        ExportError: the combination of options is not possible.
        ParityError: the file would compute something else than the model. Nothing is written.
        QualityError: quantization would cost more than ``quantization.max_drop``. Nothing is written.
        OutputError: the output cannot be written there.
        InputError: the task is unknown, or ``model`` is none of these (InputTypeError).
    """
    _check_options(target=target, precision=precision, padding=padding, layout=layout, opset=opset)
    quantization.check_fits(precision)
    file = _output_file(Path(output), layout)
    source = find_source(model, revision, offline)
    steps = Steps(progress, _count_steps(source.config, precision))

    steps.begin("reading the checkpoint")
    loaded = load(source, task, padding, tokenizer, allow_random_head)
    steps.begin("tracing")
    graph, edits = _build_graph(loaded, target, opset)
    steps.begin("writing the graph")
    with replacing(file) as path:
        original = path if precision == "fp32" else path.parent / "fp32" / path.name
        validated = _write_validated(graph, loaded, original, steps)
        record = _record(loaded, graph, target, padding, opset, edits, validated)
        record = append_bundle(original, loaded.bundle(record))
        if precision == "fp32":
            steps.finish("comparing with PyTorch")
        else:
            record = quantize(original, path, precision=precision, options=quantization, progress=steps.remaining)
        if layout == "directory":
            _write_config_and_tokenizer(path, loaded)
    return record


def _check_options(*, target: str, precision: str, padding: str, layout: str, opset: int) -> None:
    choices = {"target": (target, Target), "padding": (padding, Padding), "layout": (layout, Layout)}
    for name, (value, kind) in {"precision": (precision, Precision), **choices}.items():
        if value not in get_args(kind):
            raise ExportError(f"{name} must be one of {', '.join(get_args(kind))}, not {value!r}")
    if opset not in OPSETS:
        raise ExportError(f"opset must be between {OPSETS[0]} and {OPSETS[-1]}, not {opset}")
    spec = PRECISIONS[precision]
    if target not in spec.rewriters:
        raise ExportError(f'{precision} is for target="{" or ".join(spec.targets)}"')


def _output_file(output: Path, layout: Layout) -> Path:
    if layout == "file" and output.is_dir():
        raise ExportError(f'{output} is a directory: name a file, or pass layout="directory"')
    return output / "model.onnx" if layout == "directory" else output


def _count_steps(config: ConvBertConfig, precision: Precision) -> int:
    """Reading, tracing, writing, a comparison per shape, and those of quantization."""
    return 3 + len(shapes_to_validate(config)) + (QUANTIZE_STEPS if precision != "fp32" else 0)


def _build_graph(loaded: Loaded, target: Target, opset: int) -> tuple[ir.Model, Mapping[str, str]]:
    """Trace the model and apply the graph edits; returns the graph and the outcome of each edit."""
    graph = trace(loaded.model, loaded.task, opset)
    edits = apply_edits(graph, loaded.model.config, target)
    add_functions(graph, loaded.model.config)
    if target == "portable":
        inline_functions(graph)
    return graph, edits


def _write_validated(graph: ir.Model, loaded: Loaded, path: Path, steps: Steps) -> tuple[ValidatedShape, ...]:
    """Write the graph, and compare the file with the model."""
    path.parent.mkdir(exist_ok=True)
    save_graph(graph, path)
    return validate(path, loaded.model, loaded.task, lambda: steps.begin("comparing with PyTorch"))


def _record(
    loaded: Loaded,
    graph: ir.Model,
    target: Target,
    padding: Padding,
    opset: int,
    edits: Mapping[str, str],
    validated: tuple[ValidatedShape, ...],
) -> ExportRecord:
    """The record of the fp32 file."""
    return ExportRecord(
        task=loaded.task.name,
        source=loaded.name,
        source_sha256=loaded.weights_sha256,
        target=target,
        precision="fp32",
        padding=padding,
        opset=opset,
        ir_version=graph.ir_version,
        parameters=sum(parameter.numel() for parameter in loaded.model.parameters()),
        operators=count_special_operators(graph),
        edits=edits,
        tools=tool_versions(_TOOLS),
        tolerance=TOLERANCE,
        worst_difference=max(shape.difference for shape in validated),
        validated=validated,
    )


def _write_config_and_tokenizer(path: Path, loaded: Loaded) -> None:
    """Write the files that optimum expects next to model.onnx."""
    for name, text in {"config.json": loaded.model.config.to_json(), **loaded.tokenizer.files()}.items():
        path.with_name(name).write_text(text, encoding="utf-8")
