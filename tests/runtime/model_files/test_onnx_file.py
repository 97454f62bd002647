"""Files that are no ONNX files, or are made to do harm: each is an error of ours before the engine sees it."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from golden import Exported

from convbert_onnx.errors import BundleError, ConvBertError, FileMissingError
from convbert_onnx.operators import DOMAIN
from convbert_onnx.runtime.model import open_model
from convbert_onnx.runtime.model_files.onnx_file import OnnxFile
from convbert_onnx.runtime.model_files.onnx_parser import MAX_DEPTH, MAX_FIELDS
from convbert_onnx.runtime.model_files.protobuf import fields, write_field, write_varint

GRAPH, INITIALIZER, METADATA = 7, 5, 14
FLOAT = 1


def model(graph: bytes, rest: bytes = b"") -> bytes:
    return write_field(1, 8) + write_field(8, write_field(2, 18)) + write_field(GRAPH, graph) + rest


def tensor(*dims: int, raw: bytes | None = None, **entries: str) -> bytes:
    content = b"".join(write_field(1, size) for size in dims) + write_field(2, FLOAT) + write_field(8, b"weight")
    if raw is not None:
        content += write_field(9, raw)
    for key, value in entries.items():
        content += write_field(13, write_field(1, key.encode()) + write_field(2, value.encode()))
    return content + (write_field(14, 1) if entries else b"")


def weight(*dims: int, raw: bytes | None = None, **entries: str) -> bytes:
    return model(write_field(INITIALIZER, tensor(*dims, raw=raw, **entries)))


def nested(depth: int) -> bytes:
    """Graphs in attributes of nodes of graphs."""
    graph = b""
    for _ in range(depth):
        graph = write_field(1, write_field(5, write_field(6, graph)))
    return model(graph)


def nested_lazily(depth: int) -> bytes:
    """The same in linear time; ``depth`` counts messages, a graph, a node and an attribute in turn."""
    parts, size = [], 0
    for level in range(depth):
        head = write_varint((6, 5, 1)[level % 3] << 3 | 2) + write_varint(size)
        parts.append(head)
        size += len(head)
    graph = b"".join(reversed(parts))
    return model(graph)


def large_tag(number: int, content: bytes) -> bytes:
    """A field whose tag has a bit above the 32 that engines look at."""
    return write_varint((number << 3 | 2) + 2**32) + write_varint(len(content)) + content


DAMAGED: dict[str, bytes] = {
    "empty": b"",
    "zeros": bytes(10**7),
    "a text": b"This is a shopping list.\n" * 100,
    "no graph": write_field(1, 8),
    "two graphs": model(b"") + write_field(GRAPH, b""),
    "field number 0": model(b"", write_varint(0 << 3 | 2) + b"\x00"),
    "field number 0 in the graph": model(b"\x02\x00"),
    "a tag of 33 bits": model(large_tag(INITIALIZER, tensor(1, location="../secret"))),
    "a tag of six bytes": model(b"", b"\xba\x80\x80\x80\x80\x00\x00"),
    "a group": model(b"\x0b\x0c"),
    "the end of a group": model(b"\x0c"),
    "wire type 6": model(b"\x0e\x00"),
    "a number of eleven bytes": b"\x08" + b"\x80" * 10 + b"\x01",
    "a length beyond the message": model(b"\x2a\x7f"),
    "a length beyond the file": b"\x3a\xff\xff\xff\xff\x07",
    "a length of ten bytes": b"\x3a" + b"\x80" * 9 + b"\x01",
    "a number that ends nowhere": model(b"\x08\x80"),
    "graphs nested too deeply": nested(MAX_DEPTH // 3 + 1),
    "graphs nested 10,000 deep": nested_lazily(30_000),
    "too many fields": model(b"\x40\x01" * (MAX_FIELDS + 1)),
    "too many axes": model(write_field(INITIALIZER, b"\x08\x01" * (MAX_FIELDS + 1))),
    "fewer numbers than the shape": weight(2**40, raw=b"1234"),
    "no numbers for a large shape": weight(2**40),
    "a negative axis": weight(2**64 - 1, raw=b"1234"),
    "sparse weights": model(write_field(15, write_field(1, tensor(1, raw=b"1234")))),
    "an input without a name": model(write_field(1, write_field(1, b"") + write_field(7, DOMAIN.encode()))),
    "a term without a name": model(write_field(1, write_field(1, b"") + write_field(4, b"Sum"))),
    "a Split with fewer outputs": model(
        write_field(
            1,
            write_field(2, b"a") * 4
            + write_field(4, b"Split")
            + write_field(5, write_field(1, b"num_outputs") + write_field(3, 1)),
        )
    ),
    "metadata that are not UTF-8": model(b"", write_field(METADATA, write_field(1, b"\xff") + write_field(2, b"x"))),
    "metadata of 100 MB": model(b"", write_field(METADATA, write_field(1, b"note") + write_field(2, bytes(10**8)))),
    "an entry with two keys": model(b"", write_field(METADATA, write_field(1, b"a") * 2)),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_file_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(DAMAGED[kind])
    with pytest.raises(BundleError, match=r"model\.onnx is not a whole ONNX file"):
        open_model(path)


EXTERNAL: dict[str, dict[str, Any]] = {
    "above": {"location": "../weights.bin"},
    "far above": {"location": "a/../../weights.bin"},
    "absolute": {"location": "/etc/passwd"},
    "of Windows": {"location": "C:\\weights.bin"},
    "above in Windows": {"location": "..\\weights.bin"},
    "a device": {"location": "/dev/zero"},
    "memory of the engine": {"location": "*/_ORT_MEM_ADDR_/*"},
    "with a NUL": {"location": "weights.bin\0"},
    "of no name": {"location": ""},
    "of no place": {"offset": "0"},
    "before its beginning": {"location": "weights.bin", "offset": "-4"},
    "beyond its end": {"location": "weights.bin", "offset": "4093", "length": "4"},
    "longer than it": {"location": "weights.bin", "offset": "0", "length": "5000"},
    "of another size": {"location": "weights.bin", "length": "8"},
    "at no number": {"location": "weights.bin", "offset": "0x10"},
    "at a long number": {"location": "weights.bin", "offset": "9" * 5000},
}


@pytest.mark.parametrize("kind", EXTERNAL)
def test_weights_elsewhere_are_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(weight(1, **EXTERNAL[kind]))
    (tmp_path / "weights.bin").write_bytes(bytes(4096))
    with pytest.raises(BundleError, match=r"do not use it|than its 4096 bytes"):
        open_model(path)


def test_a_location_that_is_said_twice_is_refused(tmp_path: Path) -> None:
    entries = b"".join(
        write_field(13, write_field(1, b"location") + write_field(2, name)) for name in (b"weights.bin", b"../secret")
    )
    path = tmp_path / "model.onnx"
    path.write_bytes(model(write_field(INITIALIZER, write_field(2, FLOAT) + entries + write_field(14, 1))))
    with pytest.raises(BundleError, match="does not say clearly where the weight"):
        open_model(path)


def _link(folder: Path) -> None:
    (folder / "weights.bin").symlink_to("/etc/passwd")


def _hard_link(folder: Path) -> None:
    (folder.parent / "secret").write_bytes(bytes(4096))
    os.link(folder.parent / "secret", folder / "weights.bin")


def _device(folder: Path) -> None:
    (folder / "weights.bin").symlink_to("/dev/zero")


def _pipe(folder: Path) -> None:
    os.mkfifo(folder / "weights.bin")


def _directory(folder: Path) -> None:
    (folder / "weights.bin").mkdir()


@pytest.mark.parametrize("make", [_link, _hard_link, _device, _pipe, _directory])
def test_weights_beside_must_be_a_file_of_their_own(tmp_path: Path, make: Callable[[Path], None]) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(weight(1, location="weights.bin"))
    make(folder)
    with pytest.raises((BundleError, FileMissingError), match=r"weights\.bin"):
        open_model(folder / "model.onnx")


def test_paths_that_are_not_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.onnx")
    (tmp_path / "circle.onnx").symlink_to(tmp_path / "circle.onnx")
    for path in (tmp_path / "pipe.onnx", "/dev/zero"):
        with pytest.raises(BundleError, match="is not a regular file"):
            open_model(path)
    for path in (tmp_path / "circle.onnx", tmp_path / "\0.onnx", tmp_path, tmp_path / ("x" * 5000)):
        with pytest.raises(ConvBertError):
            open_model(path)
    with pytest.raises(ConvBertError, match="named by the path"):
        open_model(5)  # type: ignore[arg-type]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").touch(0)
    with pytest.raises(BundleError, match="cannot be read"):
        open_model(tmp_path / "model.onnx")


def with_metadata(path: Path, **changes: str) -> bytes:
    """A file with other texts in its metadata."""
    data = path.read_bytes()

    def parts() -> Iterator[bytes]:
        for field in fields(data, 0, len(data)):
            entry = (
                {one.number: one.content(data) for one in fields(data, field.content_start, field.end)}
                if (field.number == METADATA)
                else {}
            )
            key = entry.get(1, b"").decode().removeprefix("convbert_onnx.").removesuffix(".json")
            if key in changes:
                yield write_field(METADATA, write_field(1, entry[1]) + write_field(2, changes[key].encode()))
            else:
                yield field.encoded(data)

    return b"".join(parts())


METADATA_CASES: dict[str, tuple[str, str]] = {
    "a config nested deeply": ("config", "[" * 100_000),
    "a config of a list": ("config", "[]"),
    "a config with a large number of labels": ("config", '{"num_labels": 1000000000}'),
    "a config with many layers": ("config", '{"num_hidden_layers": 1e9}'),
    "a config with more layers": ("config", '{"num_hidden_layers": 1000000000}'),
    "a config of ten megabytes": ("config", json.dumps({"x": "x" * 10**7})),
    "labels of wrong types": ("config", '{"id2label": {"x": []}}'),
    "a record nested deeply": ("export", '{"task":' + '{"task":' * 100_000),
    "a record of a list": ("export", "[1]"),
    "an empty record": ("export", "{}"),
    "settings of a list": ("tokenizer_config", "[]"),
    "settings nested deeply": ("tokenizer_config", '{"x":' + "[" * 100_000),
    "a long version": ("format_version", "9" * 10_000),
}


@pytest.mark.parametrize("kind", METADATA_CASES)
def test_metadata_that_are_damaged_are_refused(exported: Exported, tmp_path: Path, kind: str) -> None:
    name, text = METADATA_CASES[kind]
    path = tmp_path / "model.onnx"
    path.write_bytes(with_metadata(exported(), **{name: text}))
    with pytest.raises(BundleError, match=r"model\.onnx: "):
        open_model(path)


def test_a_record_with_fields_of_later_versions_is_read(exported: Exported, tmp_path: Path) -> None:
    with OnnxFile(exported()) as file:
        record = json.loads(file.contents.metadata["convbert_onnx.export"])
    record["validated"][0]["seconds"] = 1.5
    path = tmp_path / "model.onnx"
    path.write_bytes(with_metadata(exported(), export=json.dumps(record | {"signature": ["x"]})))
    bundle = open_model(path).bundle
    assert bundle is not None
    assert bundle.record.task == "question-answering"


def test_labels_that_do_not_fit_the_outputs_are_found_when_opened(exported: Exported, tmp_path: Path) -> None:
    original = exported(task="text-classification")
    with OnnxFile(original) as file:
        config = json.loads(file.contents.metadata["convbert_onnx.config.json"])
    config["id2label"] = {str(index): f"L{index}" for index in range(5)}
    path = tmp_path / "model.onnx"
    path.write_bytes(with_metadata(original, config=json.dumps(config)))
    with pytest.raises(BundleError, match="gives 3 labels, its config has 5"):
        open_model(path)


def test_names_that_are_not_utf_8_are_refused(exported: Exported, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(exported().read_bytes().replace(b"\x12\x08sequence", b"\x12\x08sequenc\xbe"))
    with pytest.raises(BundleError, match="names that are not UTF-8"):
        open_model(path)
