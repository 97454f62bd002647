"""tf_model.h5: damaged files, and valid files with special HDF5 features."""

from io import BytesIO
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import h5py
import numpy as np

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.models.read_h5 import read_h5

from ..mutate import mutate_bytes
from . import Target, allow_documented_errors

_FOLDER = TemporaryDirectory()
_PATH = Path(_FOLDER.name) / "tf_model.h5"
_CONFIG = ConvBertConfig(vocab_size=9, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, embedding_size=8)
_KINDS = ("numbers", "compressed", "soft", "hard", "external", "storage", "text", "compound", "huge", "deep", "empty")


def run(data: bytes) -> None:
    if not (_PATH.parent / "config.json").exists():
        (_PATH.parent / "config.json").write_text(_CONFIG.to_json(), encoding="utf-8")
        (_PATH.parent / "secret.bin").write_bytes(b"secret" * 100)
    _PATH.write_bytes(data)
    with allow_documented_errors():
        for tensor in read_h5(_PATH).values():
            if tensor.is_meta:  # unknown weight, not read
                continue
            content = tensor.numpy().tobytes()
            assert b"secret" not in content and b"root:" not in content, "another file was read"


def _file(kind: str) -> bytes:
    """A small file in Keras's layout with one special feature."""
    buffer = BytesIO()
    with h5py.File(buffer, "w") as file:
        layer = file.create_group("convbert").create_group("tf_conv_bert/convbert/embeddings")
        layer.create_dataset("LayerNorm/gamma:0", data=np.ones(8, np.float32))
        layer.create_dataset("word_embeddings/weight:0", data=np.zeros((9, 8), np.float32))
        group = layer.create_group("position_embeddings")
        match kind:
            case "compressed":
                group.create_dataset("weight:0", data=np.zeros((512, 8), np.float32), compression="gzip", shuffle=True)
            case "soft":
                group["weight:0"] = h5py.SoftLink("/convbert")
            case "hard":
                group["weight:0"] = file["/"]
            case "external":
                group["weight:0"] = h5py.ExternalLink("other.h5", "/")
            case "storage":
                outside = [(str(_PATH.parent / "secret.bin"), 0, 64)]
                group.create_dataset("weight:0", shape=(2, 8), dtype="f4", external=outside)
            case "text":
                group.create_dataset("weight:0", data="text")
            case "compound":
                group.create_dataset("weight:0", data=np.zeros(3, [("a", "f4"), ("b", "i8")]))
            case "huge":
                group.create_dataset("weight:0", shape=(2**20, 2**20), dtype="f4", chunks=(64, 64))
            case "deep":
                group.create_group("/".join("a" * 30))
            case "empty":
                group.create_dataset("weight:0", data=h5py.Empty("f4"))
    return buffer.getvalue()


def mutate(data: bytes, random: Random) -> bytes:
    return _file(random.choice(_KINDS)) if random.random() < 0.02 else mutate_bytes(data, random)


def seeds() -> list[bytes]:
    return [_file(kind) for kind in _KINDS]


TARGET = Target(run, mutate, seeds)
