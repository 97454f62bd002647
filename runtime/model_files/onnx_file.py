"""An ONNX file, open: what it says of itself, and where its weights are, without the package onnx.

Everything comes from one descriptor, so that a file that is replaced meanwhile is never mixed with its successor.
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from convbert_onnx.errors import BundleError, FileMissingError
from convbert_onnx.operators import DOMAIN
from convbert_onnx.runtime.model_files.protobuf import BYTES, VARINT, Data, Field, fields, read_varint

__all__ = ["OPEN_FLAGS", "Contents", "FilePart", "OnnxFile", "Stamp", "Tensor", "is_graph", "is_initializer"]

MAX_BYTES = 2**31 - 1
"""Size of a protobuf message that the engine reads."""

MAX_FIELDS = 2**18
"""Fields of all messages together. A base model has some five thousand."""

MAX_DEPTH = 100
"""Messages inside each other, as in protobuf."""

MAX_METADATA = 2**26
"""Bytes of all metadata together; the largest part of them is tokenizer.json."""

_GRAPH, _METADATA, _INITIALIZER = 7, 14, 5
_INPUT, _OUTPUT, _OPERATOR, _ATTRIBUTE, _DOMAIN = 1, 2, 4, 5, 7
_VARIADIC = [
    (_OPERATOR, name) for name in (b"Concat", b"Einsum", b"Max", b"Mean", b"Min", b"SequenceConstruct", b"Sum")
]
_KEY, _VALUE = 1, 2
_DIMS, _DATA_TYPE, _NAME, _RAW_DATA, _EXTERNAL_DATA, _DATA_LOCATION = 1, 2, 8, 9, 13, 14

# The fields of each message of onnx.proto that may lead to a tensor, with the message that they hold.
_FIELDS: dict[str, dict[int, str]] = {
    "model": {_GRAPH: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", _INITIALIZER: "tensor"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph"},
}

_SPARSE = {("graph", 15), ("attribute", 22), ("attribute", 23)}
"""Fields with sparse tensors, which no exporter writes, and which the engine turns into dense ones of any size."""

_BITS = {
    **dict.fromkeys((2, 3, 9, 17, 18, 19, 20, 24), 8),
    **dict.fromkeys((4, 5, 10, 16), 16),
    **dict.fromkeys((1, 6, 12), 32),
    **dict.fromkeys((7, 11, 13, 14), 64),
    15: 128,
    **dict.fromkeys((21, 22, 23), 4),
    **dict.fromkeys((25, 26), 2),
}
"""Bits of a number, by the type's number in onnx.proto."""

OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
"""To read a file, and not to wait for the writer of a pipe."""

_BLOCK = 2**18


class Stamp(NamedTuple):
    """What tells a file from another one, and from what it was before somebody wrote into it."""

    device: int
    inode: int
    size: int
    modified: int
    changed: int

    @classmethod
    def of(cls, result: os.stat_result) -> Self:
        """The stamp of what ``os.stat`` found."""
        return cls(result.st_dev, result.st_ino, result.st_size, result.st_mtime_ns, result.st_ctime_ns)


class FilePart(Data):
    """The bytes of an open file, by their places; small parts come out of a block that is kept."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._start, self._block = 0, b""

    def __getitem__(self, place: slice, /) -> bytes:
        start, stop = place.start, place.stop
        if stop - start > _BLOCK:
            return _read(self._descriptor, start, stop)
        if not self._start <= start <= stop <= self._start + len(self._block):
            self._start, self._block = start, _read(self._descriptor, start, start + _BLOCK)
        return self._block[start - self._start : stop - self._start]


class Tensor(NamedTuple):
    """A tensor of a file.

    Attributes:
        place: the tensor's field in its graph.
        name: its name.
        kind: number of its data type.
        dims: its axes.
        raw: the field with its numbers as bytes, or None where they are written otherwise or elsewhere.
        plain: whether nothing but name, type, axes and these bytes was said of it, each once.
        entries: keys and values of its external data.
        external: whether its numbers are said to be elsewhere.
        initializer: whether it is a weight of the model's graph.
    """

    place: Field
    name: str
    kind: int
    dims: tuple[int, ...]
    raw: Field | None
    plain: bool
    entries: tuple[tuple[bytes, bytes], ...]
    external: bool
    initializer: bool

    @property
    def size(self) -> int | None:
        """The bytes that its numbers take, or None where its type is not known."""
        bits = _BITS.get(self.kind)
        return None if bits is None else -(-prod(self.dims) * bits // 8)


@dataclass
class Contents:
    """What the walk over a file found.

    Attributes:
        metadata: the entries of ``metadata_props``.
        tensors: all tensors, in the file's order.
    """

    metadata: dict[str, str] = field(default_factory=dict)
    tensors: list[Tensor] = field(default_factory=list)


class OnnxFile:
    """An ONNX file, open for reading.

    Attributes:
        path: the file, as it was named.
        real: the file that it leads to, where it is a link.
        stamp: what it was when it was opened.
        data: its bytes.
        contents: what it says of itself.

    Raises:
        FileMissingError: there is no such file.
        BundleError: it cannot be read, or is not a whole ONNX file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.real = path.resolve()
            self.descriptor = os.open(self.real, OPEN_FLAGS)
        except FileNotFoundError as error:
            raise FileMissingError(f"{path} does not exist: name an exported .onnx file") from error
        except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: links in a circle
            raise BundleError(f"{path} cannot be read ({error}): check its permissions") from error
        try:
            found = os.fstat(self.descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise BundleError(f"{path} is not a regular file: name an exported .onnx file")
            self.stamp = Stamp.of(found)
            if self.stamp.size > MAX_BYTES:
                raise BundleError(f"{path} has more than 2 GB, which no ONNX file can have: export the model again")
            self.data = FilePart(self.descriptor)
            self.contents = self._walk()
        except BaseException:
            os.close(self.descriptor)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        os.close(self.descriptor)

    def read(self) -> bytes:
        """All of it.

        Raises:
            BundleError: somebody has written into it since it was opened.
        """
        content = _read(self.descriptor, 0, self.stamp.size)
        # Not the whole stamp: the file may have lost its name.
        if Stamp.of(os.fstat(self.descriptor))[:4] != self.stamp[:4]:
            raise BundleError(f"{self.path} was written to while it was read: wait until that is done")
        return content

    def unchanged(self) -> bool:
        """Whether the path still leads to this file, and nobody has written into it since it was opened."""
        try:
            return self.stamp == Stamp.of(os.fstat(self.descriptor)) == Stamp.of(self.real.stat())
        except OSError:
            return False

    def _walk(self) -> Contents:
        try:
            return _Walk(self.data).model(self.stamp.size)
        except (ValueError, OSError) as error:
            raise BundleError(
                f"{self.path} is not a whole ONNX file (cut short, damaged or something else): {error}; export or copy "
                "it again"
            ) from error


def is_graph(place: Field) -> bool:
    """Whether a field of a model is its graph."""
    return (place.number, place.kind) == (_GRAPH, BYTES)


def is_initializer(place: Field) -> bool:
    """Whether a field of a graph is a weight."""
    return (place.number, place.kind) == (_INITIALIZER, BYTES)


def is_metadata(place: Field) -> bool:
    """Whether a field of a model is an entry of its metadata."""
    return (place.number, place.kind) == (_METADATA, BYTES)


class _Walk:
    """One pass over a file's messages, with limits on what a hostile one may cost."""

    def __init__(self, data: Data) -> None:
        self.data = data
        self.left = MAX_FIELDS
        self.room = MAX_METADATA
        self.contents = Contents()

    def model(self, size: int) -> Contents:
        graphs = [part for part in self.message("model", 0, size, 1) if is_graph(part)]
        if len(graphs) != 1:
            raise ValueError(f"it has {len(graphs)} graphs")
        return self.contents

    def message(self, message: str, start: int, end: int, depth: int) -> list[Field]:
        if depth > MAX_DEPTH:
            raise ValueError(f"its messages are nested more than {MAX_DEPTH} deep")
        inner = _FIELDS[message]
        found = []
        for part in self.counted(start, end):
            kind = inner.get(part.number) if part.kind == BYTES else None
            if kind == "tensor":
                self.contents.tensors.append(self.tensor(part, initializer=message == "graph" and depth == 2))
            elif (message, part.number) in _SPARSE:
                raise ValueError("it has sparse tensors")
            elif kind is not None:
                self.message(kind, part.first, part.end, depth + 1)
            if message in ("model", "node"):
                found.append(part)
            if message == "model" and is_metadata(part):
                self.entry(part)
        if message == "node":
            self.check_node(found)
        return found

    def check_node(self, parts: list[Field]) -> None:
        """Refuse nodes that engines crash on.

        Engines before 1.24 do on an input of ours that is left out by its name; all do on one of an operator that takes
        any number of inputs, and on a Split whose number of outputs is not that of its attribute.
        """
        texts = [(part.number, self.data[part.first : part.end]) for part in parts if part.kind == BYTES]
        if (_INPUT, b"") in texts and not {(_DOMAIN, DOMAIN.encode()), *_VARIADIC}.isdisjoint(texts):
            raise ValueError("an operator that needs all of its inputs has one without a name")
        if (_OPERATOR, b"Split") in texts:
            outputs = sum(number == _OUTPUT for number, _ in texts)
            for part in parts:
                if (part.number, part.kind) == (_ATTRIBUTE, BYTES):
                    attribute = list(self.counted(part.first, part.end))
                    name = [self.data[one.first : one.end] for one in attribute if (one.number, one.kind) == (1, BYTES)]
                    sizes = [self.number(one) for one in attribute if (one.number, one.kind) == (3, VARINT)]
                    if b"num_outputs" in name and sizes != [outputs]:
                        raise ValueError("a Split has another number of outputs than it says")

    def counted(self, start: int, end: int) -> Iterator[Field]:
        for part in fields(self.data, start, end):
            self.left -= 1
            if self.left < 0:
                raise ValueError(f"it has more than {MAX_FIELDS} fields")
            yield part

    def entry(self, place: Field) -> None:
        self.room -= place.end - place.first
        if self.room < 0:
            raise ValueError(f"its metadata are larger than {MAX_METADATA // 2**20} MB")
        pairs = self.pairs(place)
        try:
            self.contents.metadata[pairs.get(_KEY, b"").decode()] = pairs.get(_VALUE, b"").decode()
        except UnicodeDecodeError as error:
            raise ValueError("its metadata are not UTF-8") from error

    def pairs(self, place: Field) -> dict[int, bytes]:
        """The texts of an entry, by their fields."""
        parts = [part for part in self.counted(place.first, place.end) if part.kind == BYTES]
        texts = {part.number: self.data[part.first : part.end] for part in parts}
        if len(texts) != len(parts):
            raise ValueError("an entry has two keys or two values")
        return texts

    def tensor(self, place: Field, *, initializer: bool) -> Tensor:
        parts = list(self.counted(place.first, place.end))
        numbers = [part.number for part in parts]
        dims: list[int] = []
        kind, name, raw, external = 0, "", None, False
        entries = []
        for part in parts:
            match part.number, part.kind:
                case (1, 0):
                    dims.append(self.number(part))
                case (2, 0):
                    kind = self.number(part)
                case (8, 2):
                    name = self.data[part.first : part.end].decode(errors="replace")
                case (9, 2):
                    raw = part
                case (13, 2):
                    pairs = self.pairs(part)
                    entries.append((pairs.get(_KEY, b""), pairs.get(_VALUE, b"")))
                case (14, 0):
                    external = self.number(part) != 0
        found = Tensor(place, name, kind, tuple(dims), raw, False, tuple(entries), external, initializer)
        _check_size(found)
        plain = (
            raw is not None
            and set(numbers) <= {_DIMS, _DATA_TYPE, _NAME, _RAW_DATA}
            and all(numbers.count(number) == 1 for number in (_DATA_TYPE, _NAME, _RAW_DATA))
            and all(part.kind == VARINT for part in parts if part.number == _DIMS)
        )
        return found._replace(plain=plain)

    def number(self, place: Field) -> int:
        return read_varint(self.data[place.first : place.end], 0)[0]


def _check_size(tensor: Tensor) -> None:
    """Refuse a tensor that has fewer numbers than it says: engines allocate first, and look then."""
    if tensor.entries:
        return  # their place is checked where it is opened
    if tensor.raw is None:
        # Each number takes at least a byte, which may hold four of the smallest.
        fits = prod(tensor.dims) <= 4 * (tensor.place.end - tensor.place.first)
    else:
        fits = tensor.size in (None, tensor.raw.end - tensor.raw.first)
    if not fits:
        raise ValueError(f"the tensor {tensor.name!r} has other numbers than its shape {list(tensor.dims)} says")


def _read(descriptor: int, start: int, stop: int) -> bytes:
    """The part of a file, or less where it is shorter."""
    parts = []
    while start < stop and (part := _pread(descriptor, min(stop - start, 2**30), start)):
        parts.append(part)
        start += len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _pread(descriptor: int, count: int, start: int) -> bytes:
    if hasattr(os, "pread"):
        return os.pread(descriptor, count, start)
    os.lseek(descriptor, start, os.SEEK_SET)  # Windows
    return os.read(descriptor, count)
