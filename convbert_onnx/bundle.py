"""The bundle: the metadata with which an ONNX file carries everything needed to use it."""

import json
import re
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, is_dataclass
from importlib.metadata import version
from reprlib import Repr
from types import UnionType
from typing import Any, Literal, Self, Union, get_args, get_origin

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import BundleError
from convbert_onnx.json_text import parse_object
from convbert_onnx.precisions import Precision, Quantized, Target
from convbert_onnx.quantization_options import Activations, CalibrationMethod, Cpu

__all__ = [
    "FORMAT_VERSION",
    "MIN_RELEASE",
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

MIN_RELEASE = "0.1.0"
"""The first release that reads FORMAT_VERSION. Files carry it, so that an older release can name it when it refuses."""

Padding = Literal["masked", "as-trained"]
Layout = Literal["file", "directory"]

OPSETS = range(18, 24)
"""The versions of the standard operators that a file can be written for."""

_PREFIX = "convbert_onnx."
_RELEASE = re.compile(r"[0-9]{1,4}(\.[0-9]{1,4}){1,3}", re.ASCII)
_REPR = Repr()


@dataclass(frozen=True)
class ValidatedShape:
    """The largest difference to PyTorch on one batch of random tokens, relative to the largest output (at least 1)."""

    batch: int
    sequence: int
    padded: bool
    difference: float


@dataclass(frozen=True)
class Comparison:
    """A quantized file compared with its fp32 original on text.

    Attributes:
        texts: number of texts that both files read.
        same_answers: number of texts with the same answer; None for tasks without answers, such as feature extraction.
        mean_difference: mean absolute difference of the outputs on the sample text that ships with the exporters.
        worst_difference: largest absolute difference of these outputs.
        data: name of the file of labelled data, where one was given; the texts are then those of this file.
        metric: name of the task's metric on the labelled data.
        before: the metric of the fp32 file, between 0 and 1.
        after: the metric of the quantized file.
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
    """How a file was made, and how closely it agrees with the model that it was made from.

    In a file of a newer release, ``target``, ``precision``, ``padding`` and ``cpu`` may be strings that this release
    does not know.

    Attributes:
        task: name of the task.
        source: name of the exported checkpoint, directory or class.
        source_sha256: hash of the weights, or of the file where an existing ONNX file was taken as it is.
        target: which runtimes the graph is for.
        precision: number format of the weights.
        padding: "masked" where padding does not change results, "as-trained" where it does, as in the reference.
        opset: version of the standard ONNX operators.
        ir_version: version of the ONNX file format.
        parameters: number of weights.
        operators: number of nodes of each operator that is not standard ONNX, by ``domain.name``.
        edits: the outcome of each graph edit, by the edit's name.
        tools: versions of the packages that made the file.
        tolerance: largest difference that the export accepted; None where nothing was compared.
        worst_difference: largest difference of ``validated``, or None.
        validated: the shapes that were compared with PyTorch; for a quantized file, before it was quantized.
        cpu: which CPUs an int8 file is for; None for other files.
        layers_in_float: the layers that a quantized file keeps in float, from 0.
        comparison: the changes of outputs and answers by quantization, or None.
        sha256: hashes of the file's parts, by their names; empty in files of versions that did not write them.
    """

    task: str
    source: str
    source_sha256: str
    target: Target
    precision: Precision
    padding: Padding
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
        """The record as values that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read the values that ``to_dict`` wrote; fields that a newer release added are ignored.

        Raises:
            ValueError: a field is missing, or has the wrong type.
        """
        record: Self = _decode(cls, values)
        return record


@dataclass(frozen=True)
class Bundle:
    """The contents of a file's metadata.

    Attributes:
        config: the model's configuration, with its labels.
        tokenizer_json: the text of a tokenizer.json that is complete without settings.
        tokenizer_config: the settings of the tokenizer (lower-casing, maximum length), named as in
            tokenizer_config.json.
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
            _PREFIX + "min_release": MIN_RELEASE,
            _PREFIX + "task": self.record.task,
            _PREFIX + "config.json": self.config.to_json(),
            _PREFIX + "tokenizer.json": self.tokenizer_json,
            _PREFIX + "tokenizer_config.json": json.dumps(dict(self.tokenizer_config), ensure_ascii=False, indent=2),
            _PREFIX + "export": json.dumps(self.record.to_dict(), ensure_ascii=False),
        }

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> Self | None:
        """The bundle in an ONNX file's metadata, or None for files that were not exported by convbert-onnx.

        Raises:
            BundleError: the file has a newer format version, or its entries are damaged.
        """
        number = metadata.get(_PREFIX + "format_version")
        if number is None:
            return None
        if not number.isdecimal() or len(number) > 9 or int(number) > FORMAT_VERSION:
            raise BundleError(
                f"the file has bundle format {number[:20]}, this version of convbert-onnx reads up to {FORMAT_VERSION}"
                f"{_describe_upgrade(metadata)}"
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


def _describe_upgrade(metadata: Mapping[str, str]) -> str:
    """How to install a release that reads a file of a newer format version, as the end of a message."""
    own = _release_numbers(version("convbert-onnx"))
    for release in (metadata.get(_PREFIX + "min_release"), _writer(metadata)):
        if release is not None and _RELEASE.fullmatch(release) and _release_numbers(release) > own:
            return f"; convbert-onnx {release} or newer is needed: pip install --upgrade 'convbert-onnx>={release}'"
    return ": pip install --upgrade convbert-onnx"


def _writer(metadata: Mapping[str, str]) -> str | None:
    """The release that wrote a file, as far as its record can be read."""
    try:
        tools = parse_object(metadata[_PREFIX + "export"])["tools"]
        release = tools["convbert-onnx"]
    except (KeyError, TypeError, ValueError):
        return None
    return release if isinstance(release, str) else None


def _release_numbers(release: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"[0-9]{1,4}", release)[:3])


def _decode(kind: Any, value: Any) -> Any:
    """Convert a JSON value to an annotated type. Of a Literal only the type is checked, not the choice.

    Raises:
        ValueError: the value has the wrong type, or a field is missing.
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if is_dataclass(kind) and isinstance(value, dict):
        create: Any = kind
        known = {one.name: one for one in fields(kind)}
        required = {name for name, one in known.items() if one.default is MISSING and one.default_factory is MISSING}
        if missing := sorted(required - value.keys()):
            raise ValueError(f"{', '.join(missing)} is missing")
        decoded = {}
        for name in known.keys() & value.keys():
            try:
                decoded[name] = _decode(known[name].type, value[name])
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error
        return create(**decoded)
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
    raise ValueError(f"{_REPR.repr(value)} has the wrong type")
