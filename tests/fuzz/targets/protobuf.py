"""The package's readers of ONNX files: the wire format, external data and memory-mapped weights."""

from contextlib import closing, suppress
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from convbert_onnx.runtime.model_files.external_data import ExternalData, external_files
from convbert_onnx.runtime.model_files.mapped_weights import externalize_int8_weights
from convbert_onnx.runtime.model_files.onnx_file import OnnxFile
from convbert_onnx.runtime.model_files.protobuf import fields
from convbert_onnx.runtime.model_files.verification import hash_metadata, hash_parts

from ..mutate import mutate_bytes
from ..wire_format import message, mutate_message
from . import Target, allow_documented_errors

_FOLDER = TemporaryDirectory()  # one per process; its files are overwritten
_PATH = Path(_FOLDER.name) / "model.onnx"


def run(data: bytes) -> None:
    _PATH.write_bytes(data)
    with suppress(ValueError):  # damage, which callers translate
        for field in fields(data, 0, len(data)):
            assert field.start < field.content_start <= field.end <= len(data)
    with allow_documented_errors():
        external_files(_PATH)
    with allow_documented_errors(), OnnxFile(_PATH) as file, closing(ExternalData(file)) as external:
        assert file.unchanged() and file.read() == data
        externalize_int8_weights(file)
        hash_parts(file, external)
        hash_metadata(file.contents.metadata)
        external.arrays()


def mutate(data: bytes, random: Random) -> bytes:
    return mutate_message(data, random) if random.random() < 0.7 else mutate_bytes(data, random)


def seeds() -> list[bytes]:
    (Path(_FOLDER.name) / "weights.bin").write_bytes(bytes(64))
    location = [message((1, key), (2, value)) for key, value in ((b"location", b"weights.bin"), (b"length", b"16"))]
    outside = message((1, 4), (2, 1), (8, b"w"), (13, location[0]), (13, location[1]), (14, 1))
    inside = message((1, 4096), (2, 3), (8, b"q"), (9, bytes(4096)))
    attribute = message((1, b"value"), (5, outside), (20, 4))
    node = message((2, b"y"), (4, b"Constant"), (5, attribute))
    graph = ((2, b"graph"), (5, inside), (5, outside))
    sparse = (15, message((1, outside), (2, inside)))
    entry = (14, message((1, b"key"), (2, b"value")))
    return [
        message((1, 8), (7, message(*graph)), (8, message((1, b""), (2, 18))), entry),
        message((1, 8), (7, message((1, node))), (25, message((1, b"f"), (7, node)))),
        message((1, 8), (7, message((1, node), *graph, sparse))),
    ]


TARGET = Target(run, mutate, seeds)
