"""The heads: what turns the backbone's hidden states into the outputs of a task.

All take ``input_ids``, ``attention_mask`` and ``token_type_ids`` as :class:`ConvBertModel` does, and labels that give
the loss as the reference defines it. Shapes are letters: B batch, S sequence, L labels, C choices.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from convbert_onnx.bundle import Padding
from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import ConfigError
from convbert_onnx.models.activations import activation
from convbert_onnx.models.convbert import ConvBertModel
from convbert_onnx.models.pretrained import PreTrainedModel

__all__ = [
    "HEADS",
    "ConvBertForMaskedLM",
    "ConvBertForMultipleChoice",
    "ConvBertForQuestionAnswering",
    "ConvBertForSequenceClassification",
    "ConvBertForTokenClassification",
    "LogitsOutput",
    "QuestionAnsweringOutput",
]


class LogitsOutput(NamedTuple):
    """The logits of a head, and what else was asked for: the loss, hidden states, attentions."""

    logits: Tensor
    loss: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


class QuestionAnsweringOutput(NamedTuple):
    """``start_logits`` and ``end_logits`` float [B, S], and what else was asked for."""

    start_logits: Tensor
    end_logits: Tensor
    loss: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


class Predictions(nn.Module):
    """From hidden states back to the size of an embedding; always with the exact Gelu, as in the reference."""

    def __init__(self, config: ConvBertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.embedding_size)
        self.norm = nn.LayerNorm(config.embedding_size, eps=config.layer_norm_eps)

    def forward(self, hidden: Tensor) -> Tensor:
        return self.norm(F.gelu(self.dense(hidden)))


class ConvBertForMaskedLM(PreTrainedModel):
    """ConvBERT with a score for every word of the vocabulary at every position, from the generator's head."""

    def __init__(self, config: ConvBertConfig, padding: Padding = "as-trained") -> None:
        super().__init__(config, padding)
        self.convbert = ConvBertModel(config, padding)
        self.predictions = Predictions(config)
        self.bias = nn.Parameter(torch.empty(config.vocab_size))
        own = not config.tie_word_embeddings
        self.vocabulary = nn.Parameter(torch.empty(config.vocab_size, config.embedding_size)) if own else None
        self.initialize()

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        labels: Tensor | None = None,
        *,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
    ) -> LogitsOutput:
        """Logits float [B, S, vocab_size]; ``labels`` int64 [B, S] are word numbers, -100 where none counts."""
        base = self.convbert(
            input_ids,
            attention_mask,
            token_type_ids,
            output_hidden_states=output_hidden_states,
            output_attentions=output_attentions,
        )
        vocabulary = self.convbert.embeddings.word.weight if self.vocabulary is None else self.vocabulary
        logits = F.linear(self.predictions(base.last_hidden_state), vocabulary, self.bias)
        loss = None if labels is None else F.cross_entropy(logits.flatten(0, 1), labels.flatten())
        return LogitsOutput(logits, loss, base.hidden_states, base.attentions)


class ClassificationHead(nn.Module):
    """From the first token's hidden state to labels."""

    def __init__(self, config: ConvBertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.activation = activation(config.hidden_act)
        self.dropout = nn.Dropout(_classifier_dropout(config))
        self.output = nn.Linear(config.hidden_size, config.num_labels)

    def forward(self, first: Tensor) -> Tensor:
        return self.output(self.dropout(self.activation(self.dense(self.dropout(first)))))


class ConvBertForSequenceClassification(PreTrainedModel):
    """ConvBERT with a score for every label of a text, or with numbers to predict (regression)."""

    def __init__(self, config: ConvBertConfig, padding: Padding = "as-trained") -> None:
        super().__init__(config, padding)
        self.convbert = ConvBertModel(config, padding)
        self.classifier = ClassificationHead(config)
        self.initialize()

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        labels: Tensor | None = None,
        *,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
    ) -> LogitsOutput:
        """Logits float [B, L].

        ``labels`` are int64 [B] for one label per text, float [B, L] for several, float [B] or [B, L] for regression;
        which it is says ``problem_type`` of the config, or else the number of labels and the type of ``labels``.
        """
        narrow = self.narrows(output_hidden_states=output_hidden_states, output_attentions=output_attentions)
        base = self.convbert(
            input_ids,
            attention_mask,
            token_type_ids,
            position=torch.zeros_like(input_ids[:, 0]) if narrow else None,
            output_hidden_states=output_hidden_states,
            output_attentions=output_attentions,
        )
        logits = self.classifier(base.last_hidden_state[:, 0])
        loss = None if labels is None else _classification_loss(self.config, logits, labels)
        return LogitsOutput(logits, loss, base.hidden_states, base.attentions)


class ConvBertForTokenClassification(PreTrainedModel):
    """ConvBERT with a score for every label of every token."""

    def __init__(self, config: ConvBertConfig, padding: Padding = "as-trained") -> None:
        super().__init__(config, padding)
        self.convbert = ConvBertModel(config, padding)
        self.dropout = nn.Dropout(_classifier_dropout(config))
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.initialize()

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        labels: Tensor | None = None,
        *,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
    ) -> LogitsOutput:
        """Logits float [B, S, L]; ``labels`` int64 [B, S], -100 where none counts."""
        base = self.convbert(
            input_ids,
            attention_mask,
            token_type_ids,
            output_hidden_states=output_hidden_states,
            output_attentions=output_attentions,
        )
        logits = self.classifier(self.dropout(base.last_hidden_state))
        loss = None if labels is None else F.cross_entropy(logits.flatten(0, 1), labels.flatten())
        return LogitsOutput(logits, loss, base.hidden_states, base.attentions)


class ConvBertForQuestionAnswering(PreTrainedModel):
    """ConvBERT with two scores per token: how well an answer would start, and end, there."""

    def __init__(self, config: ConvBertConfig, padding: Padding = "as-trained") -> None:
        if config.num_labels != 2:
            raise ConfigError(f"num_labels must be 2 for question answering (start and end), not {config.num_labels}")
        super().__init__(config, padding)
        self.convbert = ConvBertModel(config, padding)
        self.qa_outputs = nn.Linear(config.hidden_size, 2)
        self.initialize()

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        start_positions: Tensor | None = None,
        end_positions: Tensor | None = None,
        *,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
    ) -> QuestionAnsweringOutput:
        """Score every token as the start and as the end of the answer.

        ``start_positions`` and ``end_positions``, int64 [B], give the loss together. Positions outside the sequence do
        not count.
        """
        base = self.convbert(
            input_ids,
            attention_mask,
            token_type_ids,
            output_hidden_states=output_hidden_states,
            output_attentions=output_attentions,
        )
        start_logits, end_logits = self.qa_outputs(base.last_hidden_state).unbind(dim=-1)
        loss = None
        if start_positions is not None and end_positions is not None:
            outside = input_ids.shape[1]
            start_loss, end_loss = (
                F.cross_entropy(logits, positions.clamp(0, outside), ignore_index=outside)
                for logits, positions in ((start_logits, start_positions), (end_logits, end_positions))
            )
            loss = (start_loss + end_loss) / 2
        return QuestionAnsweringOutput(start_logits, end_logits, loss, base.hidden_states, base.attentions)


class SequenceSummary(nn.Module):
    """One vector for a sequence, as the config's ``summary_*`` settings say."""

    def __init__(self, config: ConvBertConfig) -> None:
        super().__init__()
        size = config.num_labels if config.summary_proj_to_labels else config.hidden_size
        self.summary: nn.Module = nn.Linear(config.hidden_size, size) if config.summary_use_proj else nn.Identity()
        self.activation = activation(config.summary_activation or "linear")
        self.first_dropout = nn.Dropout(config.summary_first_dropout)
        self.last_dropout = nn.Dropout(config.summary_last_dropout)

    def forward(self, vector: Tensor) -> Tensor:
        return self.last_dropout(self.activation(self.summary(self.first_dropout(vector))))


class ConvBertForMultipleChoice(PreTrainedModel):
    """ConvBERT with a score for each of several texts, usually a prompt with one of its possible continuations.

    ``summary_type`` "last" (the default) and "cls_index" take the last token of a row. The reference takes the last
    position, which in a padded row is padding; with ``padding="masked"`` it is the last real token.
    """

    def __init__(self, config: ConvBertConfig, padding: Padding = "as-trained") -> None:
        super().__init__(config, padding)
        self.convbert = ConvBertModel(config, padding)
        self.sequence_summary = SequenceSummary(config)
        self.classifier = nn.Linear(config.hidden_size, 1)
        self.initialize()

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        labels: Tensor | None = None,
        *,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
    ) -> LogitsOutput:
        """Logits float [B, C] of inputs [B, C, S]; ``labels`` int64 [B] are the right choices."""
        choices = input_ids.shape[1]
        attention_mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        token_type_ids = torch.zeros_like(input_ids) if token_type_ids is None else token_type_ids
        ids, mask, types = (tensor.flatten(0, 1) for tensor in (input_ids, attention_mask, token_type_ids))
        position = None if self.config.summary_type == "mean" else self.position(mask)
        narrow = position is not None and self.narrows(
            output_hidden_states=output_hidden_states, output_attentions=output_attentions
        )
        base = self.convbert(
            ids,
            mask,
            types,
            position=position if narrow else None,
            output_hidden_states=output_hidden_states,
            output_attentions=output_attentions,
        )
        hidden = base.last_hidden_state
        if position is None:
            vector = self.mean(hidden, mask)
        else:
            rows = torch.arange(hidden.shape[0], device=hidden.device)
            vector = hidden[:, 0] if narrow else hidden[rows, position]
        logits = self.classifier(self.sequence_summary(vector)).view(-1, choices)
        loss = None if labels is None else F.cross_entropy(logits, labels)
        return LogitsOutput(logits, loss, base.hidden_states, base.attentions)

    def position(self, mask: Tensor) -> Tensor:
        """The position of each row [B*C] that stands for the row."""
        if self.config.summary_type == "first":
            return torch.zeros_like(mask[:, 0])
        numbers = torch.arange(mask.shape[1], device=mask.device)
        return (mask * numbers if self.padding == "masked" else torch.zeros_like(mask) + numbers).amax(dim=1)

    def mean(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """The mean [B*C, hidden_size] over each row, of real positions or, as the reference has it, of all."""
        if self.padding == "as-trained":
            return hidden.mean(dim=1)
        real = mask.unsqueeze(-1).to(hidden.dtype)
        return (hidden * real).sum(dim=1) / real.sum(dim=1).clamp(min=1)


def _classifier_dropout(config: ConvBertConfig) -> float:
    return config.hidden_dropout_prob if config.classifier_dropout is None else config.classifier_dropout


def _classification_loss(config: ConvBertConfig, logits: Tensor, labels: Tensor) -> Tensor:
    problem = config.problem_type
    if problem is None:
        single = "regression" if config.num_labels == 1 else "single_label_classification"
        several = config.num_labels > 1 and labels.is_floating_point()
        problem = "multi_label_classification" if several else single
    if problem == "regression":
        return F.mse_loss(logits.squeeze(), labels.squeeze()) if config.num_labels == 1 else F.mse_loss(logits, labels)
    if problem == "single_label_classification":
        return F.cross_entropy(logits, labels.flatten())
    return F.binary_cross_entropy_with_logits(logits, labels)


HEADS: dict[str, type[PreTrainedModel]] = {
    head.__name__: head
    for head in (
        ConvBertModel,
        ConvBertForMaskedLM,
        ConvBertForSequenceClassification,
        ConvBertForMultipleChoice,
        ConvBertForTokenClassification,
        ConvBertForQuestionAnswering,
    )
}
"""The classes by the names that ``architectures`` in a config.json and the task table use."""
