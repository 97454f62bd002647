"""The bundle: an ONNX file that carries, in its metadata, all that is needed to use it."""

import json
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, is_dataclass
from reprlib import Repr
from types import UnionType
from typing import Any, Literal, Self, Union, get_args, get_origin

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import BundleError
from convbert_onnx.json_text import parse_object

__all__ = [
    "FORMAT_VERSION",
    "OPSETS",
    "Activations",
    "Bundle",
    "CalibrationMethod",
    "Comparison",
    "Cpu",
    "ExportRecord",
    "Layout",
    "Padding",
    "Precision",
    "Quantized",
    "Target",
    "ValidatedShape",
]

FORMAT_VERSION = 1
"""The version of the metadata's layout. A reader refuses files with a higher one."""

Target = Literal["cpu", "portable"]
Quantized = Literal["int8", "int8-static", "int8-weights", "int4-weights"]
"""Bytes in products, or only weights as bytes or half bytes."""

Precision = Literal["fp32", Quantized]
Cpu = Literal["vnni", "avx2", "arm64"]
"""Which CPUs a quantized file is for: x86 with VNNI (in AVX-512 or AVX), other x86, 64-bit ARM."""

CalibrationMethod = Literal["min-max", "entropy", "percentile"]
"""Which activations fix a scale: all, or, cut off in one of two ways, those that are not rare."""

Activations = Literal["unsigned", "signed"]
"""The bytes of activations with fixed scales."""

Padding = Literal["masked", "as-trained"]
Layout = Literal["file", "directory"]

OPSETS = range(18, 24)
"""The versions of the standard operators that a file can be written for."""

_PREFIX = "convbert_onnx."
_REPR = Repr()


@dataclass(frozen=True)
class ValidatedShape:
    """The worst difference to PyTorch, relative to the largest output (at least 1), of one batch of random tokens."""

    batch: int
    sequence: int
    padded: bool
    difference: float


@dataclass(frozen=True)
class Comparison:
    """What another precision did to a model, on text.

    Attributes:
        texts: how many texts both files read.
        same_answers: for how many of them the answer stayed the same; None where a task decides nothing.
        mean_difference: mean absolute difference of the outputs, on the sample that ships with the exporter.
        worst_difference: the largest.
        data: the name of the file with labelled data, where one was given; the texts are then those in it.
        metric: the name of the task's metric on it.
        before: the metric in fp32, between 0 and 1.
        after: the metric now.
    """

    texts: int
    same_answers: int | None
    mean_difference: float
    worst_difference: float
    data: str | None = None
    metric: str | None = None
    before: float | None = None
    after: float | None = None


@dataclass(frozen=True)
class ExportRecord:
    """How a file was made, and how well it agrees with the model it was made from.

    Attributes:
        task: name of the task.
        source: what was exported, in the caller's words.
        source_sha256: hash of the weights, or of the file where a file was taken as it is.
        target: which runtimes the graph is for.
        precision: number format of the weights.
        padding: "masked" where padding does not change results, "as-trained" where it does as in the reference.
        opset: version of the standard ONNX operators.
        ir_version: version of the ONNX file format.
        parameters: number of weights.
        operators: how often each operator that is not standard ONNX appears, by ``domain.name``.
        edits: what became of each edit of the graph, by its name.
        tools: versions of the packages that made the file.
        tolerance: difference above which the export would have been refused; None where nothing was compared.
        worst_difference: largest difference of ``validated``, or None.
        validated: the shapes that were compared with PyTorch; of a quantized file, before it was quantized.
        cpu: which CPUs a file with products of bytes is for, or None.
        layers_in_float: the layers that a quantized file keeps in float, from 0.
        comparison: what quantization did to the outputs, or None.
        sha256: hashes of the file's parts, by their names; empty in files of versions that did not write them.
    """

    task: str
    source: str
    source_sha256: str
    target: str
    precision: str
    padding: str
    opset: int
    ir_version: int
    parameters: int
    operators: Mapping[str, int]
    edits: Mapping[str, str]
    tools: Mapping[str, str]
    tolerance: float | None
    worst_difference: float | None
    validated: tuple[ValidatedShape, ...]
    cpu: Cpu | None = None
    layers_in_float: tuple[int, ...] = ()
    comparison: Comparison | None = None
    sha256: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The record that ``to_dict`` wrote; fields that a later version added are ignored.

        Raises:
            ValueError: a field is missing, or of another type.
        """
        record: Self = _decode(cls, values)
        return record


@dataclass(frozen=True)
class Bundle:
    """What a file says of itself.

    Attributes:
        config: the model's configuration, with its labels.
        tokenizer_json: the text of a tokenizer.json that needs no settings to split text.
        tokenizer_config: the settings beside it (lower-casing, maximum length), named as in tokenizer_config.json.
        record: how the file was made; its ``task`` is the bundle's.
    """

    config: ConvBertConfig
    tokenizer_json: str
    tokenizer_config: Mapping[str, Any]
    record: ExportRecord

    def to_metadata(self) -> dict[str, str]:
        """The entries of ``metadata_props``."""
        return {
            _PREFIX + "format_version": str(FORMAT_VERSION),
            _PREFIX + "task": self.record.task,
            _PREFIX + "config.json": self.config.to_json(),
            _PREFIX + "tokenizer.json": self.tokenizer_json,
            _PREFIX + "tokenizer_config.json": json.dumps(dict(self.tokenizer_config), ensure_ascii=False, indent=2),
            _PREFIX + "export": json.dumps(self.record.to_dict(), ensure_ascii=False),
        }

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> Self | None:
        """The bundle in an ONNX file's metadata, or None where the file is from somewhere else.

        Raises:
            BundleError: the file is of a newer format version, or its entries are damaged.
        """
        version = metadata.get(_PREFIX + "format_version")
        if version is None:
            return None
        if not version.isdecimal() or len(version) > 9 or int(version) > FORMAT_VERSION:
            raise BundleError(
                f"the file has bundle format {version[:20]}, this version of convbert-onnx reads up to "
                f"{FORMAT_VERSION}: pip install --upgrade convbert-onnx"
            )
        try:
            parsed = {name: parse_object(metadata[_PREFIX + name]) for name in ("tokenizer_config.json", "export")}
            return cls(
                config=ConvBertConfig.from_json(metadata[_PREFIX + "config.json"]),
                tokenizer_json=metadata[_PREFIX + "tokenizer.json"],
                tokenizer_config=parsed["tokenizer_config.json"],
                record=ExportRecord.from_dict(parsed["export"]),
            )
        except KeyError as error:
            raise BundleError(f"the bundle's metadata has no {error}: export the model again") from error
        except ValueError as error:
            raise BundleError(f"the bundle's metadata is damaged ({error}): export the model again") from error


def _decode(kind: Any, value: Any) -> Any:
    """A value of an annotated type, from what JSON holds of it.

    Raises:
        ValueError: it is of another type, or a field is missing.
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if is_dataclass(kind) and isinstance(value, dict):
        make: Any = kind
        known = {one.name: one for one in fields(kind)}
        needed = {name for name, one in known.items() if one.default is MISSING and one.default_factory is MISSING}
        if missing := sorted(needed - value.keys()):
            raise ValueError(f"{', '.join(missing)} is missing")
        found = {}
        for name in known.keys() & value.keys():
            try:
                found[name] = _decode(known[name].type, value[name])
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error
        return make(**found)
    if origin in (Union, UnionType):
        other = next(argument for argument in arguments if argument is not type(None))
        return None if value is None else _decode(other, value)
    if origin is tuple and isinstance(value, list | tuple):
        return tuple(_decode(arguments[0], one) for one in value)
    if origin is Mapping and isinstance(value, dict):
        return {key: _decode(arguments[1], one) for key, one in value.items()}
    expected: Any = {Literal: str, float: (float, int)}.get(origin or kind, kind)
    if origin in (None, Literal) and isinstance(value, expected) and (kind is bool or not isinstance(value, bool)):
        return value
    raise ValueError(f"{_REPR.repr(value)} is not of the right type")
