"""The names of all weights, ours and the reference's, in one table."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from torch import Tensor

from convbert_onnx.config import ConvBertConfig

__all__ = ["Weight", "known_elsewhere", "weights_of"]


@dataclass(frozen=True)
class Layout:
    """How a tensor differs in shape between the reference and here, and the way there and back."""

    read: Callable[[Tensor], Tensor]
    write: Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Weight:
    """One tensor: its name in the reference's checkpoints, its name here, and the difference in shape if any."""

    reference: str
    ours: str
    layout: Layout | None = None

    def __truediv__(self, prefixes: tuple[str, str]) -> "Weight":
        return Weight(prefixes[0] + self.reference, prefixes[1] + self.ours, self.layout)

    def read(self, tensor: Tensor) -> Tensor:
        """The reference's tensor in our shape."""
        return self.layout.read(tensor) if self.layout else tensor

    def write(self, tensor: Tensor) -> Tensor:
        """Our tensor in the reference's shape."""
        return self.layout.write(tensor) if self.layout else tensor


# The reference keeps the pointwise convolution as a Conv1d of width 1, and its bias as a column.
_COLUMN = Layout(read=lambda tensor: tensor.squeeze(-1), write=lambda tensor: tensor.unsqueeze(-1))


def _pair(reference: str, ours: str) -> list[Weight]:
    return [Weight(f"{reference}.{part}", f"{ours}.{part}") for part in ("weight", "bias")]


_EMBEDDINGS = [
    Weight("embeddings.word_embeddings.weight", "embeddings.word.weight"),
    Weight("embeddings.position_embeddings.weight", "embeddings.position.weight"),
    Weight("embeddings.token_type_embeddings.weight", "embeddings.token_type.weight"),
    *_pair("embeddings.LayerNorm", "embeddings.norm"),
]

_PROJECT = _pair("embeddings_project", "project")

_LAYER = [
    *_pair("attention.self.query", "attention.query"),
    *_pair("attention.self.key", "attention.key"),
    *_pair("attention.self.value", "attention.value"),
    Weight("attention.self.key_conv_attn_layer.depthwise.weight", "attention.span_key.depthwise.weight"),
    Weight("attention.self.key_conv_attn_layer.pointwise.weight", "attention.span_key.pointwise.weight", _COLUMN),
    Weight("attention.self.key_conv_attn_layer.bias", "attention.span_key.pointwise.bias", _COLUMN),
    *_pair("attention.self.conv_kernel_layer", "attention.span_kernel"),
    *_pair("attention.self.conv_out_layer", "attention.span_value"),
    *_pair("attention.output.dense", "attention.output"),
    *_pair("attention.output.LayerNorm", "attention_norm"),
    *_pair("intermediate.dense", "feed_forward.expand"),
    *_pair("output.dense", "feed_forward.contract"),
    *_pair("output.LayerNorm", "feed_forward_norm"),
]

_HEADS: Mapping[str, list[Weight]] = {
    "ConvBertModel": [],
    "ConvBertForMaskedLM": [
        *_pair("generator_predictions.dense", "predictions.dense"),
        *_pair("generator_predictions.LayerNorm", "predictions.norm"),
        Weight("generator_lm_head.bias", "bias"),
        Weight("generator_lm_head.weight", "vocabulary"),
    ],
    "ConvBertForSequenceClassification": [
        *_pair("classifier.dense", "classifier.dense"),
        *_pair("classifier.out_proj", "classifier.output"),
    ],
    "ConvBertForMultipleChoice": [
        *_pair("sequence_summary.summary", "sequence_summary.summary"),
        *_pair("classifier", "classifier"),
    ],
    "ConvBertForTokenClassification": _pair("classifier", "classifier"),
    "ConvBertForQuestionAnswering": _pair("qa_outputs", "qa_outputs"),
}

# First parts of names that other heads of the reference have beside the backbone, and of buffers it once saved.
_ELSEWHERE = (
    "qa_outputs.",
    "classifier.",
    "sequence_summary.",
    "generator_predictions.",
    "generator_lm_head.",
    "discriminator_predictions.",
    "embeddings.position_ids",
    "embeddings.token_type_ids",
)

BACKBONE = "convbert."
"""What the reference puts before the backbone's names in checkpoints with a head."""


def _backbone(config: ConvBertConfig) -> Iterator[Weight]:
    yield from _EMBEDDINGS
    if config.embedding_size != config.hidden_size:
        yield from _PROJECT
    for layer in range(config.num_hidden_layers):
        for weight in _LAYER:
            yield weight / (f"encoder.layer.{layer}.", f"layers.{layer}.")


def _head(head: str, config: ConvBertConfig) -> Iterator[Weight]:
    for weight in _HEADS[head]:
        tied = weight.reference == "generator_lm_head.weight" and config.tie_word_embeddings
        absent = weight.reference.startswith("sequence_summary.") and not config.summary_use_proj
        if not (tied or absent):
            yield weight


def weights_of(head: str, config: ConvBertConfig) -> tuple[list[Weight], list[Weight]]:
    """The weights of the backbone and of the head, for the class with the name ``head``.

    The backbone's names have no prefix on the reference's side; on ours they are those of the class's state dict.
    """
    ours = "" if head == "ConvBertModel" else "convbert."
    return [weight / ("", ours) for weight in _backbone(config)], list(_head(head, config))


def known_elsewhere(name: str) -> bool:
    """Whether the reference has this weight in another head, so that leaving it out is no loss."""
    return name.removeprefix(BACKBONE).startswith(_ELSEWHERE)
