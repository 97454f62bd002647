"""The models that are measured: the released sizes with random weights, which time does not depend on."""

import shutil
from dataclasses import replace
from pathlib import Path

from convbert_onnx import ConvBertConfig

__all__ = ["MODELS", "model_config", "write_checkpoint"]

MODELS = ("base", "medium-small", "small", "toy")
"""The presets, and one of two layers for trying things out."""

VOCABULARY = 30522
"""Tokens of all these models."""

_TOKENIZER = Path(__file__).parents[1] / "tests" / "data" / "checkpoints" / "plain-question-answering"
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt")


def model_config(name: str) -> ConvBertConfig:
    """The sizes of a model by its name."""
    from convbert_onnx.models import PRESETS

    return replace(PRESETS["small"], num_hidden_layers=2) if name == "toy" else PRESETS[name]


def write_checkpoint(name: str, folder: Path) -> None:
    """A checkpoint for question answering, with a tokenizer."""
    import torch

    from convbert_onnx.models import ConvBertForQuestionAnswering

    torch.manual_seed(0)
    ConvBertForQuestionAnswering(model_config(name)).save_pretrained(folder)
    for file in _TOKENIZER_FILES:
        shutil.copy(_TOKENIZER / file, folder)
