"""The presets of the released models."""

import pytest
import torch

from convbert_onnx.models import PRESETS, ConvBertModel


@pytest.mark.parametrize(("preset", "millions"), [("base", 105.7), ("medium-small", 17.5), ("small", 13.1)])
def test_presets_have_the_number_of_parameters_in_the_paper(preset: str, millions: float) -> None:
    with torch.device("meta"):
        model = ConvBertModel(PRESETS[preset])
    assert round(sum(parameter.numel() for parameter in model.parameters()) / 1e6, 1) == millions
