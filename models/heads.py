"""The heads: what turns the backbone's hidden states into the outputs of a task."""

from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from convbert_onnx.bundle import Padding
from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import ConfigError
from convbert_onnx.models.convbert import ConvBertModel
from convbert_onnx.models.pretrained import PreTrainedModel

__all__ = ["HEADS", "ConvBertForQuestionAnswering", "QuestionAnsweringOutput"]


class QuestionAnsweringOutput(NamedTuple):
    """``start_logits`` and ``end_logits`` float [B, S], and the loss where positions were given."""

    start_logits: Tensor
    end_logits: Tensor
    loss: Tensor | None = None


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
    ) -> QuestionAnsweringOutput:
        """Score every token as the start and as the end of the answer.

        Args:
            input_ids: int64 [B, S].
            attention_mask: int64 [B, S], 1 for real tokens and 0 for padding; all real by default.
            token_type_ids: int64 [B, S], 0 for the question and 1 for the context; all 0 by default.
            start_positions: int64 [B], where the answers start; with ``end_positions`` they give the loss. Positions
                outside the sequence do not count, as in the reference.
            end_positions: int64 [B], where the answers end.
        """
        hidden = self.convbert(input_ids, attention_mask, token_type_ids).last_hidden_state
        start_logits, end_logits = self.qa_outputs(hidden).unbind(dim=-1)
        if start_positions is None or end_positions is None:
            return QuestionAnsweringOutput(start_logits, end_logits)
        outside = input_ids.shape[1]
        losses = [
            F.cross_entropy(logits, positions.clamp(0, outside), ignore_index=outside)
            for logits, positions in ((start_logits, start_positions), (end_logits, end_positions))
        ]
        return QuestionAnsweringOutput(start_logits, end_logits, (losses[0] + losses[1]) / 2)


HEADS: dict[str, type[PreTrainedModel]] = {
    head.__name__: head for head in (ConvBertModel, ConvBertForQuestionAnswering)
}
"""The classes by the names that ``architectures`` in a config.json and the task table use."""
