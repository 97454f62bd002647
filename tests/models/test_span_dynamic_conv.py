"""The span-based dynamic convolution."""

import pytest
import torch

from convbert_onnx.models.span_dynamic_conv import span_dynamic_conv

MASKED = float("-inf")


def test_kernel_of_three_over_four_tokens_computed_by_hand() -> None:
    """One head, one channel, values 1 2 4 8, and the kernels (after the softmax) below.

    position 0: (0, 1, 0)        ->                    1   itself
    position 1: (1, 0, 0)        ->                    1   the previous position
    position 2: (0, 0, 1)        ->                    8   the next position
    position 3: (1/2, 1/4, 1/4)  -> 4/2 + 8/4 + 0/4 =  4   zero after the last position
    """
    values = torch.tensor([[[1.0], [2.0], [4.0], [8.0]]])
    kernels = torch.tensor(
        [
            [
                [MASKED, 0, MASKED],
                [0, MASKED, MASKED],
                [MASKED, MASKED, 0],
                [2.0, 1.0, 1.0],
            ]
        ]
    )
    kernels[0, 3] = torch.log(kernels[0, 3])
    assert span_dynamic_conv(values, kernels, None, num_heads=1, kernel_size=3).flatten().tolist() == [1, 1, 8, 4]
    mask = torch.tensor([[1, 1, 1, 0]])
    masked = span_dynamic_conv(values, kernels, mask, num_heads=1, kernel_size=3)
    assert masked.flatten().tolist() == [1, 1, 0, 2]


def test_each_head_has_its_own_kernel() -> None:
    values = torch.arange(1.0, 9.0).view(1, 2, 4)  # two positions, two heads of two channels
    before, itself = [0.0, MASKED, MASKED], [MASKED, 0.0, MASKED]
    kernels = torch.tensor([[before + itself, before + itself]])
    result = span_dynamic_conv(values, kernels, None, num_heads=2, kernel_size=3)
    assert result.tolist() == [[[0, 0, 3, 4], [1, 2, 7, 8]]]


@pytest.mark.parametrize("length", [1, 2, 9, 20])
@pytest.mark.parametrize("masked", [False, True])
def test_result_equals_a_loop_over_the_formula(length: int, masked: bool) -> None:
    heads, size, channels = 3, 5, 4
    generator = torch.Generator().manual_seed(length)
    values = torch.randn(2, length, heads * channels, generator=generator)
    logits = torch.randn(2, length, heads * size, generator=generator)
    mask = torch.tensor([[1] * length, [1] * (length // 2) + [0] * (length - length // 2)]) if masked else None
    result = span_dynamic_conv(values, logits, mask, num_heads=heads, kernel_size=size).view(2, length, heads, channels)
    for b in range(2):
        for s in range(length):
            for h in range(heads):
                weights = logits[b, s, h * size : (h + 1) * size].softmax(0)
                expected = torch.zeros(channels)
                for j in range(size):
                    position = s + j - size // 2
                    if 0 <= position < length and (mask is None or mask[b, position]):
                        expected += weights[j] * values[b, position, h * channels : (h + 1) * channels]
                assert torch.allclose(result[b, s, h], expected, atol=1e-6)


def test_masked_values_may_be_nan_or_infinite() -> None:
    values = torch.tensor([[[1.0], [float("nan")], [float("inf")]]])
    result = span_dynamic_conv(values, torch.zeros(1, 3, 3), torch.tensor([[1, 0, 0]]), num_heads=1, kernel_size=3)
    assert torch.allclose(result.flatten(), torch.tensor([1 / 3, 1 / 3, 0]))


@pytest.mark.parametrize("masked", [False, True])
def test_gradients_agree_with_finite_differences(masked: bool) -> None:
    values = torch.randn(2, 5, 6, dtype=torch.double, requires_grad=True)
    logits = torch.randn(2, 5, 6, dtype=torch.double, requires_grad=True)
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]) if masked else None
    operator = torch.ops.convbert_onnx.span_dynamic_conv
    assert torch.autograd.gradcheck(
        lambda v, k: span_dynamic_conv(v, k, mask, num_heads=2, kernel_size=3), (values, logits)
    )
    torch.library.opcheck(operator, (values, logits, mask, 2, 3))
