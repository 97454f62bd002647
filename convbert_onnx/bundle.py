"""The bundle: an ONNX file that carries, in its metadata, all that is needed to use it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import BundleError

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

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The record that ``to_dict`` wrote."""
        validated = tuple(ValidatedShape(**shape) for shape in values["validated"])
        found = values.get("comparison")
        comparison = None if found is None else Comparison(**found)
        layers = tuple(values.get("layers_in_float", ()))
        return cls(**{**values, "validated": validated, "layers_in_float": layers, "comparison": comparison})


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
        if not version.isdecimal() or int(version) > FORMAT_VERSION:
            raise BundleError(
                f"the file has bundle format {version}, this version of convbert-onnx reads up to {FORMAT_VERSION}: "
                "pip install --upgrade convbert-onnx"
            )
        try:
            return cls(
                config=ConvBertConfig.from_json(metadata[_PREFIX + "config.json"]),
                tokenizer_json=metadata[_PREFIX + "tokenizer.json"],
                tokenizer_config=json.loads(metadata[_PREFIX + "tokenizer_config.json"]),
                record=ExportRecord.from_dict(json.loads(metadata[_PREFIX + "export"])),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise BundleError(f"the bundle's metadata is damaged ({error!r}): export the model again") from error
