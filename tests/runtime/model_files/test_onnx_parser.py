"""Damaged and malicious ONNX files: the parser refuses them before the engine sees them."""

from itertools import pairwise
from pathlib import Path

import pytest
from golden import Exported
from onnx_models import entry_bytes, model_bytes, tensor_bytes, weight_model_bytes

from convbert_onnx.errors import BundleError
from convbert_onnx.operators import DOMAIN
from convbert_onnx.runtime.model import open_model
from convbert_onnx.runtime.model_files.onnx_parser import MAX_DEPTH, MAX_FIELDS, parse_model
from convbert_onnx.runtime.model_files.protobuf import write_field, write_varint

GRAPH, INITIALIZER, METADATA = 7, 5, 14


def nested(depth: int) -> bytes:
    """Return a model with graphs nested in attributes of nodes."""
    graph = b""
    for _ in range(depth):
        graph = write_field(1, write_field(5, write_field(6, graph)))
    return model_bytes(graph)


def nested_lazily(depth: int) -> bytes:
    """Return the same in linear time; ``depth`` counts messages: a graph, a node and an attribute in turn."""
    parts, size = [], 0
    for level in range(depth):
        head = write_varint((6, 5, 1)[level % 3] << 3 | 2) + write_varint(size)
        parts.append(head)
        size += len(head)
    graph = b"".join(reversed(parts))
    return model_bytes(graph)


def large_tag(number: int, content: bytes) -> bytes:
    """Return a field whose tag has a bit above the 32 bits that engines read."""
    return write_varint((number << 3 | 2) + 2**32) + write_varint(len(content)) + content


DAMAGED: dict[str, bytes] = {
    "empty": b"",
    "zeros": bytes(10**7),
    "a text": b"This is a shopping list.\n" * 100,
    "no graph": write_field(1, 8),
    "two graphs": model_bytes(b"") + write_field(GRAPH, b""),
    "field number 0": model_bytes(b"", write_varint(0 << 3 | 2) + b"\x00"),
    "field number 0 in the graph": model_bytes(b"\x02\x00"),
    "a tag of 33 bits": model_bytes(large_tag(INITIALIZER, tensor_bytes(1, location="../secret"))),
    "a tag of six bytes": model_bytes(b"", b"\xba\x80\x80\x80\x80\x00\x00"),
    "a group": model_bytes(b"\x0b\x0c"),
    "the end of a group": model_bytes(b"\x0c"),
    "wire type 6": model_bytes(b"\x0e\x00"),
    "a varint of eleven bytes": b"\x08" + b"\x80" * 10 + b"\x01",
    "a length beyond the message": model_bytes(b"\x2a\x7f"),
    "a length beyond the file": b"\x3a\xff\xff\xff\xff\x07",
    "a length of ten bytes": b"\x3a" + b"\x80" * 9 + b"\x01",
    "a varint that is cut off": model_bytes(b"\x08\x80"),
    "graphs nested too deeply": nested(MAX_DEPTH // 3 + 1),
    "graphs nested 10,000 deep": nested_lazily(30_000),
    "too many fields": model_bytes(b"\x40\x01" * (MAX_FIELDS + 1)),
    "too many axes": model_bytes(write_field(INITIALIZER, b"\x08\x01" * (MAX_FIELDS + 1))),
    "fewer values than the shape": weight_model_bytes(2**40, raw=b"1234"),
    "no values for a large shape": weight_model_bytes(2**40),
    "a negative axis": weight_model_bytes(2**64 - 1, raw=b"1234"),
    "sparse weights": model_bytes(write_field(15, write_field(1, tensor_bytes(1, raw=b"1234")))),
    "an input without a name": model_bytes(write_field(1, write_field(1, b"") + write_field(7, DOMAIN.encode()))),
    "an input of Sum without a name": model_bytes(write_field(1, write_field(1, b"") + write_field(4, b"Sum"))),
    "a Split with fewer outputs": model_bytes(
        write_field(
            1,
            write_field(2, b"a") * 4
            + write_field(4, b"Split")
            + write_field(5, write_field(1, b"num_outputs") + write_field(3, 1)),
        )
    ),
    "metadata that are not UTF-8": model_bytes(b"", write_field(METADATA, entry_bytes(b"\xff", b"x"))),
    "metadata of 100 MB": model_bytes(b"", write_field(METADATA, entry_bytes(b"note", bytes(10**8)))),
    "an entry with two keys": model_bytes(b"", write_field(METADATA, write_field(1, b"a") * 2)),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_damaged_file_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(DAMAGED[kind])
    with pytest.raises(BundleError, match=r"model\.onnx is not a complete ONNX file"):
        open_model(path)


def test_parse_model_finds_metadata_and_tensors_everywhere() -> None:
    weight, constant = tensor_bytes(2, raw=bytes(8)), tensor_bytes(raw=bytes(4))
    node = write_field(5, write_field(5, constant))
    entries = write_field(METADATA, entry_bytes(b"a", b"1")) + write_field(METADATA, entry_bytes(b"b", b"2"))
    function = write_field(25, write_field(7, node))
    data = model_bytes(write_field(1, node) + write_field(INITIALIZER, weight), function + entries)
    contents = parse_model(data, len(data))
    assert contents.metadata == {"a": "1", "b": "2"}
    assert [tensor.initializer for tensor in contents.tensors] == [False, True, False]
    assert [tensor.dims for tensor in contents.tensors] == [(), (2,), ()]
    initializer = contents.tensors[1]
    assert initializer.raw_data is not None
    assert initializer.raw_data.content(data) == bytes(8)
    assert (initializer.name, initializer.size, initializer.plain) == ("weight", 8, True)


@pytest.mark.parametrize(
    "extra",
    [
        write_field(2, 1),
        write_field(8, b"again"),
        write_field(9, bytes(4)),
        write_field(12, b"doc"),
        write_field(14, 0),
    ],
    ids=["two types", "two names", "two values", "a description", "a location"],
)
def test_plain_tensors_have_nothing_but_shape_type_name_and_values(extra: bytes) -> None:
    for content, plain in ((tensor_bytes(1, raw=bytes(4)), True), (tensor_bytes(1, raw=bytes(4)) + extra, False)):
        data = model_bytes(write_field(INITIALIZER, content))
        (tensor,) = parse_model(data, len(data)).tensors
        assert tensor.plain == plain


def test_exported_files_use_a_fraction_of_the_limits(exported: Exported) -> None:
    data = exported().read_bytes()
    contents = parse_model(data, len(data))
    weights = [tensor for tensor in contents.tensors if tensor.initializer]
    assert weights and all(tensor.plain for tensor in weights)
    assert all(one.field.end <= other.field.start for one, other in pairwise(weights))


def test_weight_without_a_known_type_has_no_size() -> None:
    data = weight_model_bytes(3, raw=bytes(5)).replace(b"\x10\x01", b"\x10\x63")
    (tensor,) = parse_model(data, len(data)).tensors
    assert (tensor.data_type, tensor.size) == (99, None)
