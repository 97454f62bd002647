"""The models with a head: the backbone, and layers that compute the outputs of a task.

All take ``input_ids``, ``attention_mask`` and ``token_type_ids`` as :class:`ConvBertModel` does, and labels, from which
they compute the reference's loss. In shapes, B is the batch size, S the sequence length, L the number of labels and C
the number of choices.
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
from convbert_onnx.models.weights import HEAD_WEIGHTS, Weight, pair

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
    """The logits; the loss if labels were given; hidden states and attentions if requested."""

    logits: Tensor
    loss: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


class QuestionAnsweringOutput(NamedTuple):
    """``start_logits`` and ``end_logits`` float [B, S]; the other fields as in :class:`LogitsOutput`."""

    start_logits: Tensor
    end_logits: Tensor
    loss: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


class LabelledModel(PreTrainedModel):
    """Base class of the heads with ``labels``: logits from the last hidden states, and a loss from the logits.

    Subclasses define :meth:`logits`; :meth:`loss` if theirs differs; :meth:`position` if they read a single position.
    """

    def __init__(self, config: ConvBertConfig, padding: Padding = "as-trained") -> None:
        super().__init__(config, padding)
        self.convbert = ConvBertModel(config, padding)

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
        """Compute the logits, and the loss if ``labels`` are given; the class describes their shapes."""
        narrow = self.narrows_last_layer(output_hidden_states=output_hidden_states, output_attentions=output_attentions)
        base = self.convbert(
            input_ids,
            attention_mask,
            token_type_ids,
            position=self.position(input_ids) if narrow else None,
            output_hidden_states=output_hidden_states,
            output_attentions=output_attentions,
        )
        logits = self.logits(base.last_hidden_state)
        loss = None if labels is None else self.loss(logits, labels)
        return LogitsOutput(logits, loss, base.hidden_states, base.attentions)

    def position(self, input_ids: Tensor) -> Tensor | None:
        """The only position [B] of each row that the head reads, or None if it reads all."""
        return None

    def logits(self, hidden: Tensor) -> Tensor:
        """Compute the logits from the last hidden states."""
        raise NotImplementedError

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Compute the loss; by default cross entropy over all positions, except those with label -100."""
        return F.cross_entropy(logits.flatten(0, 1), labels.flatten())


class Predictions(nn.Module):
    """Projection of hidden states to the embedding size; always with the exact Gelu, as in the reference."""

    def __init__(self, config: ConvBertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.embedding_size)
        self.norm = nn.LayerNorm(config.embedding_size, eps=config.layer_norm_eps)

    def forward(self, hidden: Tensor) -> Tensor:
        return self.norm(F.gelu(self.dense(hidden)))


class ConvBertForMaskedLM(LabelledModel):
    """ConvBERT with a masked language modeling head, the generator's: a score per token of the vocabulary.

    Logits are float [B, S, vocab_size]; ``labels`` int64 [B, S] are token ids, or -100 where the loss ignores them.
    """

    head_weights = (
        *pair("generator_predictions.dense", "predictions.dense"),
        *pair("generator_predictions.LayerNorm", "predictions.norm"),
        Weight("generator_lm_head.bias", "bias"),
        Weight("generator_lm_head.weight", "vocabulary"),
    )

    def __init__(self, config: ConvBertConfig, padding: Padding = "as-trained") -> None:
        super().__init__(config, padding)
        self.predictions = Predictions(config)
        self.bias = nn.Parameter(torch.empty(config.vocab_size))
        untied = not config.tie_word_embeddings
        self.vocabulary = nn.Parameter(torch.empty(config.vocab_size, config.embedding_size)) if untied else None
        self.initialize()

    def logits(self, hidden: Tensor) -> Tensor:
        """Score every token of the vocabulary at every position."""
        vocabulary = self.convbert.embeddings.word.weight if self.vocabulary is None else self.vocabulary
        return F.linear(self.predictions(hidden), vocabulary, self.bias)


class ClassificationHead(nn.Module):
    """A score per label from the first token's hidden state."""

    def __init__(self, config: ConvBertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.activation = activation(config.hidden_act)
        self.dropout = nn.Dropout(_classifier_dropout(config))
        self.output = nn.Linear(config.hidden_size, config.num_labels)

    def forward(self, first: Tensor) -> Tensor:
        return self.output(self.dropout(self.activation(self.dense(self.dropout(first)))))


class ConvBertForSequenceClassification(LabelledModel):
    """ConvBERT with a score per label of a text (classification), or predicted values (regression).

    Logits are float [B, L]. ``labels`` are int64 [B] for one label per text, float [B, L] for several, and float [B] or
    [B, L] for regression. The config's ``problem_type`` selects the loss; without it, the number of labels and the type
    of ``labels`` do.
    """

    head_weights = (
        *pair("classifier.dense", "classifier.dense"),
        *pair("classifier.out_proj", "classifier.output"),
    )

    def __init__(self, config: ConvBertConfig, padding: Padding = "as-trained") -> None:
        super().__init__(config, padding)
        self.classifier = ClassificationHead(config)
        self.initialize()

    def position(self, input_ids: Tensor) -> Tensor:
        """The first position of each row."""
        return torch.zeros_like(input_ids[:, 0])

    def logits(self, hidden: Tensor) -> Tensor:
        """Score every label of each text."""
        return self.classifier(hidden[:, 0])

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Compute the loss for the problem type."""
        config, problem = self.config, self.config.problem_type
        if problem is None:
            single = "regression" if config.num_labels == 1 else "single_label_classification"
            several = config.num_labels > 1 and labels.is_floating_point()
            problem = "multi_label_classification" if several else single
        if problem == "regression" and config.num_labels == 1:
            return F.mse_loss(logits.squeeze(), labels.squeeze())
        if problem == "regression":
            return F.mse_loss(logits, labels)
        if problem == "single_label_classification":
            return F.cross_entropy(logits, labels.flatten())
        return F.binary_cross_entropy_with_logits(logits, labels)


class ConvBertForTokenClassification(LabelledModel):
    """ConvBERT with a score per label of every token.

    Logits are float [B, S, L]; ``labels`` int64 [B, S] are label ids, or -100 where the loss ignores them.
    """

    head_weights = pair("classifier", "classifier")

    def __init__(self, config: ConvBertConfig, padding: Padding = "as-trained") -> None:
        super().__init__(config, padding)
        self.dropout = nn.Dropout(_classifier_dropout(config))
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.initialize()

    def logits(self, hidden: Tensor) -> Tensor:
        """Score every label of every token."""
        return self.classifier(self.dropout(hidden))


class ConvBertForQuestionAnswering(PreTrainedModel):
    """ConvBERT with two scores per token: as the start and as the end of the answer."""

    head_weights = pair("qa_outputs", "qa_outputs")

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
        """Compute the start and end logits, and the loss if both positions are given.

        ``start_positions`` and ``end_positions`` are int64 [B]; the loss ignores positions outside the sequence.
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
    """Projection of the vector that summarizes a sequence, configured by ``summary_*``."""

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

    Inputs are [B, C, S], logits float [B, C], and ``labels`` int64 [B] the correct choices.

    With ``summary_type`` "last" (the default) and "cls_index", the last token of a row represents it. The reference
    uses the last position, which is padding in a padded row; with ``padding="masked"`` it is the last token before the
    padding.
    """

    head_weights = (
        *pair("sequence_summary.summary", "sequence_summary.summary"),
        *pair("classifier", "classifier"),
    )

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
        """Compute a logit for each choice, and the loss if ``labels`` are given."""
        choices = input_ids.shape[1]
        attention_mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        token_type_ids = torch.zeros_like(input_ids) if token_type_ids is None else token_type_ids
        ids, mask, types = (tensor.flatten(0, 1) for tensor in (input_ids, attention_mask, token_type_ids))
        position = None if self.config.summary_type == "mean" else self.position(mask)
        narrow = position is not None and self.narrows_last_layer(
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
        """The position [B*C] of the token that represents each row."""
        if self.config.summary_type == "first":
            return torch.zeros_like(mask[:, 0])
        positions = torch.arange(mask.shape[1], device=mask.device)
        return (mask * positions if self.padding == "masked" else torch.zeros_like(mask) + positions).amax(dim=1)

    def mean(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """The mean [B*C, hidden_size] of each row, without padding or, as in the reference, over all positions."""
        if self.padding == "as-trained":
            return hidden.mean(dim=1)
        real = mask.unsqueeze(-1).to(hidden.dtype)
        return (hidden * real).sum(dim=1) / real.sum(dim=1).clamp(min=1)


def _classifier_dropout(config: ConvBertConfig) -> float:
    return config.hidden_dropout_prob if config.classifier_dropout is None else config.classifier_dropout


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
"""All classes by name, as in ``architectures`` of a config.json and in the task table."""

HEAD_WEIGHTS.update({name: head.head_weights for name, head in HEADS.items()})
