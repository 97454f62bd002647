"""The benchmarked models: the released sizes with random weights, since latency does not depend on the values."""

import shutil
from dataclasses import replace
from pathlib import Path

from benchmarks.environment import ROOT

__all__ = ["VOCABULARY", "write_checkpoint"]

VOCABULARY = 30522
"""Vocabulary size of all models."""

_TOKENIZER = ROOT / "tests" / "data" / "checkpoints" / "plain-question-answering"
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt")


def write_checkpoint(model: str, folder: Path) -> None:
    """Write a checkpoint for question answering, with a tokenizer.

    Args:
        model: a preset, or ``toy``, which has two layers.
        folder: the checkpoint directory.
    """
    import torch

    from convbert_onnx.models import PRESETS, ConvBertForQuestionAnswering

    torch.manual_seed(0)
    config = replace(PRESETS["small"], num_hidden_layers=2) if model == "toy" else PRESETS[model]
    ConvBertForQuestionAnswering(config).save_pretrained(folder)
    for file in _TOKENIZER_FILES:
        shutil.copy(_TOKENIZER / file, folder)
