"""Activation functions."""

import pytest
import torch
from transformers.activations import ACT2FN

from convbert_onnx.config import ACTIVATIONS
from convbert_onnx.models.activations import activation


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_equal_those_of_transformers(name: str) -> None:
    x = torch.linspace(-12, 12, 1001)
    torch.testing.assert_close(activation(name)(x), ACT2FN[name](x), rtol=1e-6, atol=1e-6)


def test_exact_gelu_differs_from_its_tanh_approximation() -> None:
    x = torch.linspace(-3, 3, 101)
    assert (activation("gelu")(x) - activation("gelu_new")(x)).abs().max() > 1e-4
