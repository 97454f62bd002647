"""config.json: parsing gives a config or a documented error, and a config survives a round trip."""

import json
from random import Random

from convbert_onnx.config import ConvBertConfig

from ..mutate import mutate_json_bytes
from . import Target, allow_documented_errors

_NAMES = (*json.loads(ConvBertConfig().to_json()), "num_labels", "extra", "self", "cls", "quantization_config")


def run(data: bytes) -> None:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return
    with allow_documented_errors():
        config = ConvBertConfig.from_json(text)
        written = config.to_json()
        written.encode()
        assert ConvBertConfig.from_json(written).to_json() == written, "the round trip changes the config"
        # Unknown fields, which are only kept, may contain NaN, as in the reference.
        json.dumps(
            {name: value for name, value in config.to_dict().items() if name not in config.extra}, allow_nan=False
        )


def mutate(data: bytes, random: Random) -> bytes:
    return mutate_json_bytes(data, random, _NAMES)


def seeds() -> list[bytes]:
    small = ConvBertConfig(vocab_size=9, hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
    labelled = {"id2label": {"0": "O", "1": "B-PER"}, "label2id": {"O": 0, "B-PER": 1}, "architectures": ["X"]}
    return [config.encode() for config in (small.to_json(), ConvBertConfig().to_json(), json.dumps(labelled))]


TARGET = Target(run, mutate, seeds)
