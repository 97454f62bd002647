"""The ConvBERT backbone: BERT with half of the attention heads replaced by a span-based dynamic convolution.

Defined bottom-up: the model is the embeddings and a stack of layers; a layer is mixed attention (figure 3 of the paper,
arXiv 2008.02496) and a feed-forward block. In shapes, B is the batch size, S the sequence length, H the number of heads
and D the channels per head.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from convbert_onnx.bundle import Padding
from convbert_onnx.config import ConvBertConfig
from convbert_onnx.models.activations import activation
from convbert_onnx.models.pretrained import PreTrainedModel
from convbert_onnx.models.span_dynamic_conv import span_dynamic_conv

__all__ = ["BaseModelOutput", "ConvBertModel"]


class BaseModelOutput(NamedTuple):
    """Output of the backbone.

    Attributes:
        last_hidden_state: float [B, S, hidden_size], or [B, 1, hidden_size] if ``position`` was given.
        hidden_states: the embeddings and each layer's output, if requested.
        attentions: each layer's attention probabilities [B, H, S, S], if requested.
    """

    last_hidden_state: Tensor
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


class Mask(NamedTuple):
    """The padding mask, in the form that each branch needs.

    Attributes:
        attention: float [B, 1, 1, S], added to attention scores: 0 for real positions, the lowest float for padding.
        convolution: int64 [B, S], or None if the convolutions see padding, as in the reference.
    """

    attention: Tensor
    convolution: Tensor | None


class Embeddings(nn.Module):
    """Sum of word, position and token type embeddings, then layer normalization."""

    def __init__(self, config: ConvBertConfig) -> None:
        super().__init__()
        self.word = nn.Embedding(config.vocab_size, config.embedding_size, padding_idx=config.pad_token_id)
        self.position = nn.Embedding(config.max_position_embeddings, config.embedding_size)
        self.token_type = nn.Embedding(config.type_vocab_size, config.embedding_size)
        self.norm = nn.LayerNorm(config.embedding_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, input_ids: Tensor, token_type_ids: Tensor) -> Tensor:
        positions = self.position.weight[: input_ids.shape[1]]
        return self.dropout(self.norm(self.word(input_ids) + positions + self.token_type(token_type_ids)))


class SpanKey(nn.Module):
    """The span-aware key of the dynamic convolution: a depthwise separable convolution (section 3.3)."""

    def __init__(self, config: ConvBertConfig) -> None:
        super().__init__()
        size, kernel = config.hidden_size, config.conv_kernel_size
        self.depthwise = nn.Conv1d(size, size, kernel, groups=size, padding=kernel // 2, bias=False)
        self.pointwise = nn.Linear(size, config.mixed_size)

    def forward(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        if mask is not None:
            hidden = torch.where(mask.unsqueeze(-1).bool(), hidden, 0)
        spans = self.depthwise(hidden.transpose(1, 2)).transpose(1, 2)
        return self.pointwise(spans)


class MixedAttention(nn.Module):
    """Self-attention and span-based dynamic convolution in parallel, with a shared query (figure 3)."""

    def __init__(self, config: ConvBertConfig) -> None:
        super().__init__()
        self.num_heads, self.kernel_size = config.num_mixed_heads, config.conv_kernel_size
        size, mixed = config.hidden_size, config.mixed_size
        self.query = nn.Linear(size, mixed)
        self.key = nn.Linear(size, mixed)
        self.value = nn.Linear(size, mixed)
        self.span_key = SpanKey(config)
        self.span_kernel = nn.Linear(mixed, self.num_heads * self.kernel_size)
        self.span_value = nn.Linear(size, mixed)
        self.output = nn.Linear(size, size)
        self.dropout = nn.Dropout(config.attention_probs_dropout_prob)

    def forward(self, hidden: Tensor, mask: Mask) -> tuple[Tensor, Tensor]:
        query = self.query(hidden)
        attended, probabilities = self.attend(query, hidden, mask.attention)
        convolved = self.convolve(query, hidden, mask.convolution)
        return self.output(torch.cat([attended, convolved], dim=-1)), probabilities

    def forward_at(self, position: Tensor, hidden: Tensor, mask: Mask) -> Tensor:
        """The output [B, 1, hidden_size] at one position [B] of each row."""
        middle = self.kernel_size // 2
        span, real = _span(position, self.kernel_size, hidden.shape[1])
        rows = torch.arange(hidden.shape[0], device=hidden.device).unsqueeze(1)
        if mask.convolution is not None:
            real = real * mask.convolution[rows, span]
        window = hidden[rows, span]
        query = self.query(window)
        attended, _ = self.attend(query[:, middle : middle + 1], hidden, mask.attention)
        convolved = self.convolve(query, window, real)[:, middle : middle + 1]
        return self.output(torch.cat([attended, convolved], dim=-1))

    def attend(self, query: Tensor, hidden: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        query, key, value = (self.heads(x) for x in (query, self.key(hidden), self.value(hidden)))  # [B, H, S, D]
        scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1]) + mask
        probabilities = self.dropout(scores.softmax(dim=-1))
        return (probabilities @ value).transpose(1, 2).flatten(2), probabilities

    def convolve(self, query: Tensor, hidden: Tensor, mask: Tensor | None) -> Tensor:
        kernel_logits = self.span_kernel(self.span_key(hidden, mask) * query)
        return span_dynamic_conv(
            self.span_value(hidden), kernel_logits, mask, num_heads=self.num_heads, kernel_size=self.kernel_size
        )

    def heads(self, channels: Tensor) -> Tensor:
        batch, sequence, size = channels.shape
        return channels.view(batch, sequence, self.num_heads, size // self.num_heads).transpose(1, 2)


def _span(position: Tensor, size: int, length: int) -> tuple[Tensor, Tensor]:
    """The ``size`` positions around each position, [B, size], and a mask of those inside the sequence."""
    span = position.unsqueeze(1) + torch.arange(size, device=position.device) - size // 2
    return span.clamp(0, length - 1), ((span >= 0) & (span < length)).long()


class GroupedLinear(nn.Module):
    """A linear layer over independent groups of channels (section 3.4)."""

    def __init__(self, inputs: int, outputs: int, groups: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(groups, inputs // groups, outputs // groups))
        self.bias = nn.Parameter(torch.empty(outputs))

    def forward(self, hidden: Tensor) -> Tensor:
        parts = hidden.chunk(len(self.weight), dim=-1)
        return torch.cat([part @ weight for part, weight in zip(parts, self.weight, strict=True)], dim=-1) + self.bias


class FeedForward(nn.Module):
    """Two linear layers with an activation between them; grouped if ``num_groups`` > 1."""

    def __init__(self, config: ConvBertConfig) -> None:
        super().__init__()
        self.expand = _linear(config.hidden_size, config.intermediate_size, config.num_groups)
        self.contract = _linear(config.intermediate_size, config.hidden_size, config.num_groups)
        self.activation = activation(config.hidden_act)

    def forward(self, hidden: Tensor) -> Tensor:
        return self.contract(self.activation(self.expand(hidden)))


def _linear(inputs: int, outputs: int, groups: int) -> nn.Module:
    return nn.Linear(inputs, outputs) if groups == 1 else GroupedLinear(inputs, outputs, groups)


class ConvBertLayer(nn.Module):
    """Mixed attention and feed-forward, each followed by a residual connection and layer normalization."""

    def __init__(self, config: ConvBertConfig) -> None:
        super().__init__()
        self.attention = MixedAttention(config)
        self.attention_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.feed_forward = FeedForward(config)
        self.feed_forward_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, hidden: Tensor, mask: Mask) -> tuple[Tensor, Tensor]:
        mixed, probabilities = self.attention(hidden, mask)
        return self.add_and_feed_forward(hidden, mixed), probabilities

    def forward_at(self, position: Tensor, hidden: Tensor, mask: Mask) -> Tensor:
        """The output at one position [B] of each row, [B, 1, hidden_size]."""
        rows = torch.arange(hidden.shape[0], device=hidden.device)
        return self.add_and_feed_forward(
            hidden[rows, position].unsqueeze(1), self.attention.forward_at(position, hidden, mask)
        )

    def add_and_feed_forward(self, hidden: Tensor, mixed: Tensor) -> Tensor:
        hidden = self.attention_norm(hidden + self.dropout(mixed))
        return self.feed_forward_norm(hidden + self.dropout(self.feed_forward(hidden)))


class ConvBertModel(PreTrainedModel):
    """The backbone without a head."""

    def __init__(self, config: ConvBertConfig, padding: Padding = "as-trained") -> None:
        super().__init__(config, padding)
        self.embeddings = Embeddings(config)
        if config.embedding_size != config.hidden_size:
            self.project: nn.Module = nn.Linear(config.embedding_size, config.hidden_size)
        else:
            self.project = nn.Identity()
        self.layers = nn.ModuleList(ConvBertLayer(config) for _ in range(config.num_hidden_layers))
        self.initialize()

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        *,
        position: Tensor | None = None,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
    ) -> BaseModelOutput:
        """Compute the last layer's hidden states.

        Args:
            input_ids: int64 [B, S].
            attention_mask: int64 [B, S], 1 for tokens and 0 for padding; 1 everywhere by default.
            token_type_ids: int64 [B, S], the segment of each token; 0 everywhere by default.
            position: int64 [B], compute the last layer for this position of each row only, with the same result;
                hidden states and attentions of that layer are not available.
            output_hidden_states: return the output of every layer.
            output_attentions: return the attention probabilities of every layer.
        """
        attention_mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        token_type_ids = torch.zeros_like(input_ids) if token_type_ids is None else token_type_ids
        hidden = self.project(self.embeddings(input_ids, token_type_ids))
        mask = self.mask(attention_mask, hidden.dtype)
        states, attentions = [hidden], []
        for layer in self.layers if position is None else self.layers[:-1]:
            hidden, probabilities = layer(hidden, mask)
            states.append(hidden)
            attentions.append(probabilities)
        if position is not None:
            last = self.layers[-1]
            assert isinstance(last, ConvBertLayer)
            hidden = last.forward_at(position, hidden, mask)
        return BaseModelOutput(
            hidden, tuple(states) if output_hidden_states else None, tuple(attentions) if output_attentions else None
        )

    def mask(self, attention_mask: Tensor, dtype: torch.dtype) -> Mask:
        """Both forms of the padding mask, shared by all layers."""
        masked = (1 - attention_mask[:, None, None, :].to(dtype)) * torch.finfo(dtype).min
        return Mask(attention=masked, convolution=attention_mask if self.padding == "masked" else None)
