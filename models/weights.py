"""The table of all weights: our names, the reference's, and TensorFlow's."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from torch import Tensor

from convbert_onnx.config import ConvBertConfig

__all__ = ["HEAD_WEIGHTS", "Dialect", "Weight", "in_other_head", "pair", "weights_by_name", "weights_of"]

Dialect = Literal["h5", "tf1"]
"""TensorFlow's two naming and layout schemes: the reference's tf_model.h5, and the authors' checkpoints."""


@dataclass(frozen=True)
class Layout:
    """Conversion of a tensor from the reference's shape (``read``) and back (``write``)."""

    read: Callable[[Tensor], Tensor]
    write: Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Weight:
    """The names of one tensor, and the conversion of its shape.

    Attributes:
        reference: name in the reference's checkpoints.
        ours: name in our state dicts.
        layout: the conversion, if the shapes differ.
        h5: name in the reference's tf_model.h5, under the model's scope; derived from ``reference`` by default.
        tf1: name in the authors' TensorFlow 1 checkpoints, under ``electra``; derived from ``reference`` by default.
    """

    reference: str
    ours: str
    layout: Layout | None = None
    h5: str = ""
    tf1: str = ""

    def __post_init__(self) -> None:
        name = _tensorflow_name(self.reference)
        object.__setattr__(self, "h5", self.h5 or name)
        object.__setattr__(self, "tf1", self.tf1 or name)

    def __truediv__(self, prefixes: tuple[str, str]) -> "Weight":
        path = prefixes[0].replace(".", "/")
        return replace(
            self,
            reference=prefixes[0] + self.reference,
            ours=prefixes[1] + self.ours,
            h5=re.sub(r"layer/(\d+)", r"layer_._\1", path) + self.h5,
            tf1=re.sub(r"layer/(\d+)", r"layer_\1", path) + self.tf1,
        )

    def from_tensorflow(self, tensor: Tensor, dialect: Dialect) -> Tensor:
        """Convert TensorFlow's tensor to the reference's shape, as a view if possible."""
        name = getattr(self, dialect)
        if name.endswith("depthwise_kernel"):  # [K, C, 1] -> [C, 1, K]
            return tensor.movedim(0, -1)
        if name.endswith("pointwise_kernel"):  # [1, in, out] -> [out, in, 1]
            return tensor.permute(2, 1, 0)
        if name.endswith("/kernel"):
            # Grouped kernels are [out, in, groups] in tf_model.h5, and [groups, in, out] otherwise.
            kept = tensor.ndim == 3 and dialect == "tf1"
            return tensor if kept else tensor.permute(*reversed(range(tensor.ndim)))
        return self.write(tensor) if self.layout is _COLUMN else tensor

    def read(self, tensor: Tensor) -> Tensor:
        """Convert the reference's tensor to our shape."""
        return self.layout.read(tensor) if self.layout else tensor

    def write(self, tensor: Tensor) -> Tensor:
        """Convert our tensor to the reference's shape."""
        return self.layout.write(tensor) if self.layout else tensor


# The reference stores the pointwise convolution as a Conv1d of width 1, and its bias as a column.
_COLUMN = Layout(read=lambda tensor: tensor.squeeze(-1), write=lambda tensor: tensor.unsqueeze(-1))


def _tensorflow_name(reference: str) -> str:
    *path, part = reference.split(".")
    parts = {"weight": "gamma", "bias": "beta"} if path and path[-1] == "LayerNorm" else {"weight": "kernel"}
    return "/".join((*path, parts.get(part, part)))


def pair(reference: str, ours: str, tf1: str | None = None) -> list[Weight]:
    """Weight and bias of a layer; ``tf1`` is its name in TensorFlow 1, if that does not follow from ``reference``."""
    return [
        Weight(f"{reference}.{part}", f"{ours}.{part}", tf1=_tensorflow_name(f"{tf1}.{part}") if tf1 else "")
        for part in ("weight", "bias")
    ]


def _table(reference: str, ours: str, h5: str) -> Weight:
    """An embedding table; in TensorFlow 1, its name is the layer's."""
    layer = reference.replace(".", "/")
    return Weight(f"{reference}.weight", f"{ours}.weight", h5=f"{layer}/{h5}", tf1=layer)


_EMBEDDINGS = [
    _table("embeddings.word_embeddings", "embeddings.word", h5="weight"),
    _table("embeddings.position_embeddings", "embeddings.position", h5="embeddings"),
    _table("embeddings.token_type_embeddings", "embeddings.token_type", h5="embeddings"),
    *pair("embeddings.LayerNorm", "embeddings.norm"),
]

_PROJECT = pair("embeddings_project", "project")

_SPAN_KEY = "attention.self.key_conv_attn_layer"

_LAYER = [
    *pair("attention.self.query", "attention.query"),
    *pair("attention.self.key", "attention.key"),
    *pair("attention.self.value", "attention.value"),
    Weight(
        f"{_SPAN_KEY}.depthwise.weight",
        "attention.span_key.depthwise.weight",
        h5="attention/self/key_conv_attn_layer/depthwise_kernel",
        tf1="attention/self/conv_attn_key/depthwise_kernel",
    ),
    Weight(
        f"{_SPAN_KEY}.pointwise.weight",
        "attention.span_key.pointwise.weight",
        _COLUMN,
        h5="attention/self/key_conv_attn_layer/pointwise_kernel",
        tf1="attention/self/conv_attn_key/pointwise_kernel",
    ),
    Weight(f"{_SPAN_KEY}.bias", "attention.span_key.pointwise.bias", _COLUMN, tf1="attention/self/conv_attn_key/bias"),
    *pair("attention.self.conv_kernel_layer", "attention.span_kernel", tf1="attention.self.conv_attn_kernel"),
    *pair("attention.self.conv_out_layer", "attention.span_value", tf1="attention.self.conv_attn_point"),
    *pair("attention.output.dense", "attention.output"),
    *pair("attention.output.LayerNorm", "attention_norm"),
    *pair("output.LayerNorm", "feed_forward_norm"),
]


def _feed_forward(groups: int) -> list[Weight]:
    dense = "dense" if groups == 1 else "g_dense"
    return [
        *pair("intermediate.dense", "feed_forward.expand", tf1=f"intermediate.{dense}"),
        *pair("output.dense", "feed_forward.contract", tf1=f"output.{dense}"),
    ]


HEAD_WEIGHTS: dict[str, Sequence[Weight]] = {}
"""The weights of each model's head by the name of its class; ``models/heads.py`` fills it in."""

_OTHER_HEADS = (
    "qa_outputs.",
    "classifier.",
    "sequence_summary.",
    "generator_predictions.",
    "generator_lm_head.",
    "discriminator_predictions.",
    "embeddings.position_ids",
    "embeddings.token_type_ids",
)
"""Prefixes of the weights of the reference's other heads, and of buffers that old versions saved."""

BACKBONE = "convbert."
"""The reference's prefix of the backbone's names in checkpoints with a head."""


def _backbone(config: ConvBertConfig) -> Iterator[Weight]:
    yield from _EMBEDDINGS
    if config.embedding_size != config.hidden_size:
        yield from _PROJECT
    for layer in range(config.num_hidden_layers):
        for weight in (*_LAYER, *_feed_forward(config.num_groups)):
            yield weight / (f"encoder.layer.{layer}.", f"layers.{layer}.")


def _head(head: str, config: ConvBertConfig) -> Iterator[Weight]:
    for weight in HEAD_WEIGHTS[head]:
        tied = weight.reference == "generator_lm_head.weight" and config.tie_word_embeddings
        absent = weight.reference.startswith("sequence_summary.") and not config.summary_use_proj
        if not (tied or absent):
            yield weight


def weights_of(head: str, config: ConvBertConfig) -> tuple[list[Weight], list[Weight]]:
    """The weights of the backbone and of the head, for the class named ``head``.

    The backbone's ``reference`` names have no prefix; its ``ours`` names are those of the class's state dict.
    """
    ours = "" if head == "ConvBertModel" else "convbert."
    return [weight / ("", ours) for weight in _backbone(config)], list(_head(head, config))


def weights_by_name(dialect: Dialect, config: ConvBertConfig) -> dict[str, Weight]:
    """The weights of the backbone and of all heads, by TensorFlow's names.

    Their ``reference`` names have the backbone's prefix, as in the reference's checkpoints with a head.
    """
    scope = "convbert/" if dialect == "h5" else "electra/"
    backbone = {
        scope + getattr(weight, dialect): replace(weight, reference=BACKBONE + weight.reference)
        for weight in _backbone(config)
    }
    # The heads in the authors' checkpoints belong to another backbone (the generator) or to no task.
    heads = [weight for head in HEAD_WEIGHTS.values() for weight in head] if dialect == "h5" else []
    return backbone | {getattr(weight, dialect): weight for weight in heads}


def in_other_head(name: str) -> bool:
    """Whether a weight belongs to another head of the reference, and can be ignored."""
    return name.removeprefix(BACKBONE).startswith(_OTHER_HEADS)
