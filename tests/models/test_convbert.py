"""The backbone."""

from typing import Any

import pytest
import torch
from golden import CHECKPOINTS
from torch import nn

from convbert_onnx.bundle import Padding
from convbert_onnx.config import ConvBertConfig
from convbert_onnx.models import ConvBertModel
from convbert_onnx.models.convbert import GroupedLinear


@pytest.mark.parametrize("position", [0, 1, 5, 11, 16])
@pytest.mark.parametrize("padding", ["masked", "as-trained"])
def test_last_layer_at_one_position_equals_the_whole_layer_there(padding: Padding, position: int) -> None:
    model: Any = ConvBertModel.from_pretrained(CHECKPOINTS / "plain-feature-extraction", padding=padding)
    ids = torch.arange(10, 61).view(3, 17)
    mask = (torch.arange(17) < torch.tensor([[17], [12], [17]])).long()
    with torch.inference_mode():
        whole = model(ids, mask).last_hidden_state
        one = model(ids, mask, position=torch.tensor([position, min(position, 11), 16])).last_hidden_state
    expected = torch.stack([whole[0, position], whole[1, min(position, 11)], whole[2, 16]]).unsqueeze(1)
    torch.testing.assert_close(one, expected, rtol=1e-5, atol=1e-5)


def test_hidden_states_and_attentions_are_those_of_every_layer() -> None:
    model: Any = ConvBertModel.from_pretrained(CHECKPOINTS / "plain-feature-extraction")
    with torch.inference_mode():
        output = model(torch.arange(10, 27).view(1, 17), output_hidden_states=True, output_attentions=True)
    layers, heads = model.config.num_hidden_layers, model.config.num_mixed_heads
    assert [tuple(states.shape) for states in output.hidden_states] == [(1, 17, model.config.hidden_size)] * (
        layers + 1
    )
    assert output.hidden_states[-1].equal(output.last_hidden_state)
    assert [tuple(weights.shape) for weights in output.attentions] == [(1, heads, 17, 17)] * layers
    torch.testing.assert_close(output.attentions[0].sum(dim=-1), torch.ones(1, heads, 17))


def test_grouped_linear_equals_a_block_diagonal_linear_layer() -> None:
    torch.manual_seed(0)
    grouped = GroupedLinear(6, 4, 2)
    for parameter in grouped.parameters():
        nn.init.normal_(parameter)
    x = torch.randn(3, 6)
    weight = torch.block_diag(*grouped.weight)  # type: ignore[no-untyped-call]
    expected = x @ weight + grouped.bias
    torch.testing.assert_close(grouped(x), expected)


def test_masked_padding_does_not_reach_other_positions() -> None:
    torch.manual_seed(0)
    config = ConvBertConfig(
        vocab_size=50, hidden_size=32, embedding_size=32, num_hidden_layers=2, num_attention_heads=4
    )
    model = ConvBertModel(config, "masked").eval()
    ids = torch.randint(50, (1, 9))
    mask = (torch.arange(9) < 6).long().unsqueeze(0)
    changed = torch.where(mask.bool(), ids, 49 - ids)
    with torch.inference_mode():
        one, other = (model(tokens, mask).last_hidden_state[:, :6] for tokens in (ids, changed))
    torch.testing.assert_close(one, other)
