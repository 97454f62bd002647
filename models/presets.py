"""Configs of the three released models (their config.json), as differences from the defaults."""

from convbert_onnx.config import ConvBertConfig

__all__ = ["PRESETS"]

PRESETS = {
    "base": ConvBertConfig(pad_token_id=0),
    "medium-small": ConvBertConfig(
        pad_token_id=0, embedding_size=128, hidden_size=384, intermediate_size=1536, num_attention_heads=8, num_groups=2
    ),
    "small": ConvBertConfig(
        pad_token_id=0, embedding_size=128, hidden_size=256, intermediate_size=1024, num_attention_heads=4
    ),
}
"""The configurations by name."""
