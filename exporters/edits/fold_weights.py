"""Compute at export what depends on weights alone, except for copies of embedding tables, which are large."""

import onnx_ir as ir
from onnxscript.optimizer import fold_constants

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.exporters.edits.base import Edit, Outcome

__all__ = ["EDIT"]

_UNLIMITED = 2**62


def _fold_weights(model: ir.Model, config: ConvBertConfig) -> Outcome:
    before = len(model.graph)
    fold_constants(model, input_size_limit=_UNLIMITED, output_size_limit=_UNLIMITED, should_fold=_should_fold)
    places = before - len(model.graph)
    return Outcome(places, "" if places else "nothing depends on weights alone")


def _should_fold(node: ir.Node) -> bool:
    """Whether all inputs are weights and none is an embedding table; a tied vocabulary would be stored twice."""
    inputs = [value for value in node.inputs if value is not None]
    has_table = any(consumer.op_type == "Gather" for value in inputs for consumer in value.consumers())
    return bool(inputs) and not has_table and all(value.is_initializer() for value in inputs)


EDIT = Edit(
    name="fold_weights",
    apply=_fold_weights,
)
