"""export(): from a checkpoint or a model to one validated file that carries all that is needed to use it."""

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Literal, get_args

from torch import nn

from convbert_onnx.bundle import (
    OPSETS,
    Activations,
    Bundle,
    CalibrationMethod,
    Cpu,
    ExportRecord,
    Layout,
    Padding,
    Precision,
    Target,
)
from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import ExportError, FileMissingError, InputError, InputTypeError
from convbert_onnx.exporters.edits.apply import apply_edits
from convbert_onnx.exporters.functions import add_functions, count_special_operators, inline_functions
from convbert_onnx.exporters.quantization.calibrate import Ranges
from convbert_onnx.exporters.quantization.quantize import QUANTIZE_STEPS, quantize
from convbert_onnx.exporters.save import append_bundle, save_graph
from convbert_onnx.exporters.torch_modules import config_of, find_model, read_model, task_of_model
from convbert_onnx.exporters.trace import trace
from convbert_onnx.exporters.validate import TOLERANCE, shapes_to_validate, validate
from convbert_onnx.files import replacing
from convbert_onnx.models.checkpoint import hash_weights
from convbert_onnx.models.checkpoint_files import refuse_links
from convbert_onnx.models.heads import HEADS
from convbert_onnx.models.pretrained import PreTrainedModel
from convbert_onnx.models.sources import locate
from convbert_onnx.packages import load_onnxruntime
from convbert_onnx.runtime.tokenization.base import TokenizerBase
from convbert_onnx.runtime.tokenization.encoding import Tokens
from convbert_onnx.runtime.tokenization.loading import load_tokenizer
from convbert_onnx.tasks import Task, task_by_name, task_of_architectures

__all__ = ["Progress", "export"]

Progress = Callable[[str, int, int], None]
"""Called before each step with what it does, how many steps are done, and how many there are."""

_PAIRS = ("multiple-choice", "question-answering")
"""Tasks that always read two texts together."""

_TOOLS = ("convbert-onnx", "torch", "onnx", "onnx-ir", "onnxscript", "tokenizers")


def export(
    model: nn.Module | str | Path,
    output: str | Path,
    *,
    task: str | None = None,
    target: Target = "cpu",
    precision: Precision = "fp32",
    cpu: Cpu | Literal["auto"] = "auto",
    data: str | Path | None = None,
    max_drop: float = 0.005,
    auto_mixed: bool = False,
    calibration: str | Path | Ranges | None = None,
    calibration_method: CalibrationMethod = "percentile",
    activations: Activations = "unsigned",
    opset: int = 18,
    padding: Padding = "masked",
    layout: Layout = "file",
    tokenizer: TokenizerBase | str | Path | None = None,
    allow_random_head: bool = False,
    revision: str | None = None,
    offline: bool = False,
    progress: Progress = lambda step, done, total: None,
) -> ExportRecord:
    """Write a model as one ONNX file, after comparing the file with the model.

    Where the weights are above 2 GB, which is more than an ONNX file can hold, they go to a second file beside
    it, whose name has ``.data`` at the end.

    Args:
        model: a checkpoint directory, the id of a repository of the Hugging Face hub, or a model: of
            :mod:`convbert_onnx.models` or of the reference's class, of a class that derives from one of these, or one
            of them inside DataParallel, a compiled module or the like. It stays as it is.
        output: the file to write, or with ``layout="directory"`` the directory.
        task: name or short name; by default that of the model's head.
        target: "cpu" keeps our operators, each with an ONNX function for engines without a kernel for it; "portable"
            has standard operators only.
        precision: "fp32"; or "int8", "int8-static", "int8-weights" or "int4-weights", which :func:`quantize` makes of
            that.
        cpu: which CPUs an int8 file is for; like all to ``activations`` it is :func:`quantize`'s.
        data: labelled data to compare an int8 file on.
        max_drop: how much of the metric it may lose there.
        auto_mixed: whether layers are kept in float until it does not lose more.
        calibration: text whose activations fix the scales of an int8-static file.
        calibration_method: how they do.
        activations: "unsigned" or "signed" bytes.
        opset: version of the standard operators, one of ``OPSETS``.
        padding: "masked" makes every row independent of padding; "as-trained" lets padding leak into the convolutions,
            as the reference does.
        layout: "file", or "directory" as optimum has it (model.onnx, config.json, tokenizer.json).
        tokenizer: a tokenizer or a directory with one; by default the checkpoint's.
        allow_random_head: export a head with random numbers where the checkpoint has none (for tests).
        revision: branch, tag or commit of the repository; by default ``main``.
        offline: take the repository from the cache, without asking the hub.
        progress: told about each step.

    Returns:
        The record that the file carries.

    Raises:
        FileMissingError: the checkpoint, a file of it, or its tokenizer is not there.
        HubError: the hub cannot be reached, or refuses.
        ConfigError: the checkpoint's config is no ConvBERT's.
        CheckpointError: its weights do not fit (MissingHeadError: it has none for the task's head).
        ExportError: the combination of options is not possible.
        ParityError: the file would compute something else than the model. Nothing is written.
        QualityError: int8 would lose more than ``max_drop``. Nothing is written.
        OutputError: the output cannot be written there.
        InputError: there is no such task, or ``model`` is none of these (InputTypeError).
    """
    _check_options(target=target, precision=precision, padding=padding, layout=layout, opset=opset)
    output = Path(output)
    file = output / "model.onnx" if layout == "directory" else output
    if layout == "file" and output.is_dir():
        raise ExportError(f"{output} is a directory: name a file, or pass --layout directory")
    if precision.endswith("weights") and target != "cpu":
        raise ExportError(f"{precision} is for --target cpu")
    if (precision == "int8-static") != (calibration is not None):
        raise InputError("int8-static needs --calibration with text that the model reads, and nothing else takes it")
    if isinstance(model, nn.Module):
        model = find_model(model)
        name = type(model).__name__
    elif isinstance(model, str | Path):
        source = locate(model, revision, offline)
        model, name = source.directory, source.name
    else:
        raise InputTypeError(
            f"model must be a directory, the id of a repository, or a model of PyTorch, not {type(model).__name__}"
        )
    steps = ["reading the checkpoint", "tracing", "writing the graph"]
    total = len(steps) + len(shapes_to_validate(_config(model))) + (QUANTIZE_STEPS if precision != "fp32" else 0)

    progress(steps[0], 0, total)
    module, found = _load(model, task, padding, allow_random_head)
    tokenizer = _tokenizer(model, tokenizer, module.config)
    if found.name in _PAIRS:
        _check_token_types(tokenizer, module.config)
    progress(steps[1], 1, total)
    graph = trace(module, found, opset)
    edits = apply_edits(graph, module.config, target)
    add_functions(graph, module.config)
    if target == "portable":
        inline_functions(graph)
    progress(steps[2], 2, total)
    with replacing(file) as path:
        original = path if precision == "fp32" else path.parent / "fp32" / path.name
        original.parent.mkdir(exist_ok=True)
        save_graph(graph, original)
        done = len(steps)
        progress("comparing with PyTorch", done, total)

        def advance(_: object) -> None:
            nonlocal done
            done += 1
            progress("comparing with PyTorch", done, total)

        validated = validate(original, module, found, advance)
        record = ExportRecord(
            task=found.name,
            source=name,
            source_sha256=hash_weights(module.state_dict()),
            target=target,
            precision="fp32",
            padding=padding,
            opset=opset,
            ir_version=graph.ir_version,
            parameters=sum(parameter.numel() for parameter in module.parameters()),
            operators=count_special_operators(graph),
            edits={name: str(outcome) for name, outcome in edits.items()},
            tools={tool: version(tool) for tool in _TOOLS} | {"onnxruntime": load_onnxruntime().__version__},
            tolerance=TOLERANCE,
            worst_difference=max(shape.difference for shape in validated),
            validated=validated,
        )
        bundle = Bundle(module.config, tokenizer.tokenizer_json, tokenizer.settings, record)
        record = append_bundle(original, bundle)
        if precision != "fp32":
            record = quantize(
                original,
                path,
                precision=precision,
                cpu=cpu,
                data=data,
                max_drop=max_drop,
                auto_mixed=auto_mixed,
                calibration=calibration,
                calibration_method=calibration_method,
                activations=activations,
                progress=lambda step, number, _: progress(step, done + number, total),
            )
        if layout == "directory":
            _write_beside(path, module.config, tokenizer)
    return record


def _check_options(*, opset: int, **options: str) -> None:
    for name, choices in (("target", Target), ("precision", Precision), ("padding", Padding), ("layout", Layout)):
        if options[name] not in get_args(choices):
            raise ExportError(f"{name} must be one of {', '.join(get_args(choices))}, not {options[name]!r}")
    if opset not in OPSETS:
        raise ExportError(f"opset must be between {OPSETS[0]} and {OPSETS[-1]}, not {opset}")


def _config(model: nn.Module | Path) -> ConvBertConfig:
    return config_of(model) if isinstance(model, nn.Module) else ConvBertConfig.from_pretrained(model)


def _load(
    model: nn.Module | Path, task: str | None, padding: Padding, allow_random_head: bool
) -> tuple[PreTrainedModel, Task]:
    """The model in evaluation mode and with the padding that was asked for, and its task."""
    own = task_of_model(model) if isinstance(model, nn.Module) else task_of_architectures(_config(model).architectures)
    found = task_by_name(task) if task is not None else own
    if found is None:
        raise InputError(f"{model} does not say what task it is for: pass --task, for example --task qa")
    if not isinstance(model, nn.Module):
        head = HEADS[found.head]
        return head.from_pretrained(model, padding=padding, allow_random_head=allow_random_head), found
    if found != own:
        raise ExportError(f"a {type(model).__name__} cannot do {found.name}: pass a {found.head}")
    return read_model(model, found, padding), found


def _tokenizer(
    model: nn.Module | Path, tokenizer: TokenizerBase | str | Path | None, config: ConvBertConfig
) -> TokenizerBase:
    if tokenizer is None:
        if isinstance(model, nn.Module):
            raise FileMissingError("a model has no tokenizer of its own: pass tokenizer=, for example its directory")
        tokenizer = model
    if not isinstance(tokenizer, TokenizerBase):
        if Path(tokenizer).is_dir():
            refuse_links(Path(tokenizer))
        tokenizer = load_tokenizer(tokenizer)
    tokenizer.check_fits(config)
    return tokenizer


def _check_token_types(tokenizer: TokenizerBase, config: ConvBertConfig) -> None:
    types = int(tokenizer.model_row(Tokens.from_ids([0]), Tokens.from_ids([0])).type_ids.max()) + 1
    if types > config.type_vocab_size:
        raise InputError(
            f"the tokenizer numbers the {types} texts of a pair, the model has {config.type_vocab_size} token type: "
            'pass the tokenizer that it was trained with, or one without token_type_ids in its "model_input_names"'
        )


def _write_beside(path: Path, config: ConvBertConfig, tokenizer: TokenizerBase) -> None:
    """What optimum expects beside model.onnx."""
    for name, text in {"config.json": config.to_json(), **tokenizer.files()}.items():
        path.with_name(name).write_text(text, encoding="utf-8")
