"""Trace a PyTorch model to an ONNX graph with the names that the runtime expects."""

import ast
import logging
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import onnx
import onnx_ir as ir
import torch

from convbert_onnx.errors import ExportError
from convbert_onnx.models.pretrained import PreTrainedModel
from convbert_onnx.tasks import Task, TensorSpec

__all__ = ["trace"]

_SCOPES = "pkg.torch.onnx.name_scopes"
_DYNAMIC = ("batch", "choices", "sequence")


def trace(model: PreTrainedModel, task: Task, opset: int) -> ir.Model:
    """Trace a model with dynamic axes. Our operators are single nodes; the weights share PyTorch's memory.

    Raises:
        ExportError: the model reads only one token, or the graph's inputs or outputs are not those of the task.
    """
    if model.config.max_position_embeddings < 2:
        raise ExportError("max_position_embeddings is 1: a model of one token has no sequence to export")
    axes = {"batch": torch.export.Dim("batch"), "choices": torch.export.Dim("choices")}
    axes["sequence"] = torch.export.Dim("sequence", max=model.config.max_position_embeddings)
    # One tensor per input, because PyTorch merges inputs that are the same tensor. Sizes of 1 would become constants.
    sample = {spec.name: torch.zeros([2] * len(spec.axes), dtype=torch.int64) for spec in task.inputs}
    with _quiet():
        program = torch.onnx.export(
            model,
            kwargs=sample,
            dynamo=True,
            dynamic_shapes={spec.name: {i: axes[axis] for i, axis in enumerate(spec.axes)} for spec in task.inputs},
            input_names=[spec.name for spec in task.inputs],
            output_names=[spec.name for spec in task.outputs],
            opset_version=opset,
            verbose=False,
        )
    assert program is not None
    graph = program.model
    _name_axes(graph.graph.inputs, task.inputs)
    _name_axes(graph.graph.outputs, task.outputs)
    _name_nodes(graph.graph)
    ir.passes.common.ClearMetadataAndDocStringPass()(graph)
    graph.graph.name = type(model).__name__
    graph.producer_name, graph.producer_version = "convbert-onnx", None
    graph.ir_version = _oldest_ir_version(opset)
    return graph


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress the exporter's remarks on its own limits and on PyTorch's deprecations."""
    logger = logging.getLogger("torch.onnx._internal.exporter")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _oldest_ir_version(opset: int) -> int:
    """The lowest IR version for this opset, at least 8, the first with functions."""
    operators = onnx.helper.make_opsetid("", opset)
    return max(8, onnx.helper.find_min_ir_version_for([operators]))


def _name_axes(values: Sequence[ir.Value], specs: tuple[TensorSpec, ...]) -> None:
    names = [value.name for value in values]
    if names != [spec.name for spec in specs]:
        raise ExportError(f"the graph has {names} where the task has {[spec.name for spec in specs]}: please report it")
    for value, spec in zip(values, specs, strict=True):
        assert value.shape is not None
        value.shape = ir.Shape(
            axis if axis in _DYNAMIC else size for axis, size in zip(spec.axes, value.shape, strict=True)
        )


def _name_nodes(graph: ir.Graph) -> None:
    """Name nodes and transposed weights after the module they come from, for profiles and viewers."""
    seen: Counter[str] = Counter()

    def unique(name: str) -> str:
        seen[name] += 1
        return name if seen[name] == 1 else f"{name}_{seen[name]}"

    for node in graph:
        scopes = ast.literal_eval(node.metadata_props.get(_SCOPES, "[]"))
        module = scopes[-2] if len(scopes) > 1 and not scopes[0] else ""
        node.name = unique(f"{module}/{node.op_type}" if module else node.op_type)
        weight = node.inputs[-1] if node.op_type == "MatMul" else None
        if weight is not None and weight.is_initializer():
            weight.name = unique(f"{module}.weight")
