"""from_optimum(): turn a directory in optimum's layout into one file that carries everything needed to use it."""

from hashlib import file_digest
from math import prod
from pathlib import Path

import onnx_ir as ir

from convbert_onnx.bundle import Bundle, ExportRecord
from convbert_onnx.errors import BundleError
from convbert_onnx.exporters.functions import count_special_operators
from convbert_onnx.exporters.save import append_bundle, save_graph
from convbert_onnx.exporters.tool_versions import tool_versions
from convbert_onnx.files import replacing
from convbert_onnx.models.checkpoint_files import refuse_links
from convbert_onnx.runtime.model import open_model
from convbert_onnx.runtime.tokenization.base import TokenizerBase

__all__ = ["from_optimum"]

_INTEGER_OPERATORS = {"ConvInteger", "DynamicQuantizeLinear", "MatMulInteger", "QLinearMatMul", "QuantizeLinear"}


def from_optimum(
    directory: str | Path,
    output: str | Path,
    *,
    task: str | None = None,
    tokenizer: TokenizerBase | str | Path | None = None,
) -> ExportRecord:
    """Put a directory with ``model.onnx``, ``config.json`` and a tokenizer into one file. The graph is not changed.

    Args:
        directory: a directory that ``optimum-cli export onnx`` or ``optimum-cli onnxruntime quantize`` wrote, or the
            ONNX file in it where it has several.
        output: the file to write.
        task: the model's task; by default that of ``config.json``.
        tokenizer: a tokenizer or a directory with one; by default the one in ``directory``.

    Returns:
        The record that the file carries. Its ``padding`` is "as-trained", because optimum traces the reference's
        classes, and ``validated`` is empty, because there is no PyTorch model to compare with.

    Raises:
        FileMissingError: the model, config or tokenizer does not exist.
        BundleError: the model does not fit the task, or was exported by convbert-onnx.
        CheckpointError: a file of the directory is a link to a file outside it.
        OutputError: the output cannot be written there.
        InputError: the task is unknown.
    """
    for folder in (directory, tokenizer):
        if isinstance(folder, str | Path) and Path(folder).is_dir():
            refuse_links(Path(folder))
    model = open_model(directory, task, tokenizer=tokenizer)
    if model.bundle is not None:
        raise BundleError(f"{model.path} was exported by convbert-onnx and is one file already: use that file")
    graph = ir.load(model.path)
    with model.path.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    types = {node.op_type for node in graph.graph.all_nodes()}
    special = count_special_operators(graph)
    weights = (value.shape for value in graph.graph.initializers.values() if value.shape is not None)
    record = ExportRecord(
        task=model.task_spec.name,
        source=Path(directory).name,
        source_sha256=digest,
        target="cpu" if special else "portable",
        precision="int8" if types & _INTEGER_OPERATORS else "fp32",
        padding="as-trained",
        opset=graph.opset_imports[""],
        ir_version=graph.ir_version,
        parameters=sum(prod(shape.numpy()) for shape in weights),
        operators=special,
        edits={},
        tools={**tool_versions(), graph.producer_name or "an unknown exporter": graph.producer_version or ""},
        tolerance=None,
        worst_difference=None,
        validated=(),
    )
    bundle = Bundle(model.config, model.tokenizer.tokenizer_json, model.tokenizer.settings, record)
    with replacing(Path(output)) as temporary:
        save_graph(graph, temporary)
        return append_bundle(temporary, bundle)
