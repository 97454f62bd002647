"""The configuration of a model: its sizes, labels and settings. Needs no torch."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from math import inf
from pathlib import Path
from reprlib import Repr
from typing import Any, Self

from convbert_onnx.errors import ConfigError, FileMissingError
from convbert_onnx.json_text import MAX_JSON_BYTES, parse_object

__all__ = ["ACTIVATIONS", "ConvBertConfig"]

ACTIVATIONS = (
    "gelu",
    "gelu_accurate",
    "gelu_fast",
    "gelu_new",
    "gelu_python",
    "gelu_python_tanh",
    "gelu_pytorch_tanh",
    "leaky_relu",
    "linear",
    "mish",
    "quick_gelu",
    "relu",
    "relu2",
    "relu6",
    "sigmoid",
    "silu",
    "swish",
    "tanh",
)
"""Allowed values of ``hidden_act``, with the reference's names."""

PROBLEM_TYPES = ("regression", "single_label_classification", "multi_label_classification")
SUMMARY_TYPES = ("last", "first", "mean", "cls_index")

_MAX = {
    "vocab_size": 2**24,
    "hidden_size": 2**16,
    "num_hidden_layers": 2**10,
    "num_attention_heads": 2**12,
    "intermediate_size": 2**18,
    "max_position_embeddings": 2**20,
    "type_vocab_size": 2**16,
    "embedding_size": 2**16,
    "head_ratio": 2**12,
    "conv_kernel_size": 2**10,
    "num_groups": 2**12,
    "num_labels": 2**17,
}
"""Fields that are integers of at least 1, and their maximum: a damaged config must not allocate huge memory."""

_MAX_PARAMETERS = 2**34
"""Parameters of one model, 64 GB in float32."""

_REPR = Repr()
_REPR.maxstring = _REPR.maxother = 60

_CHOICES: dict[str, tuple[str | None, ...]] = {
    "hidden_act": ACTIVATIONS,
    "summary_type": SUMMARY_TYPES,
    "summary_activation": (None, *ACTIVATIONS),
    "problem_type": (None, *PROBLEM_TYPES),
}
_DERIVED = ("num_labels", "label2id", "model_type", "extra")


@dataclass(frozen=True)
class ConvBertConfig:
    """The configuration of a ConvBERT model, with the fields and defaults of the reference's class of the same name.

    If both ``id2label`` and ``num_labels`` are given, ``id2label`` wins. ``extra`` holds the fields of a config.json
    that this class does not use, so that reading and writing preserves them.

    Raises:
        ConfigError: a value is invalid; the message names the field.
    """

    vocab_size: int = 30522
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    hidden_act: str = "gelu"
    hidden_dropout_prob: float = 0.1
    attention_probs_dropout_prob: float = 0.1
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    initializer_range: float = 0.02
    layer_norm_eps: float = 1e-12
    pad_token_id: int | None = 1
    bos_token_id: int = 0
    eos_token_id: int = 2
    embedding_size: int = 768
    head_ratio: int = 2
    conv_kernel_size: int = 9
    num_groups: int = 1
    classifier_dropout: float | None = None
    problem_type: str | None = None
    summary_type: str = "last"
    summary_use_proj: bool = False
    summary_proj_to_labels: bool = False
    summary_activation: str | None = None
    summary_first_dropout: float = 0.0
    summary_last_dropout: float = 0.0
    tie_word_embeddings: bool = True
    num_labels: int = 2
    id2label: Mapping[int, str] = field(default_factory=dict)
    architectures: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, maximum in _MAX.items():
            value = getattr(self, name)
            if not _is_integer(value) or not 1 <= value <= maximum:
                raise ConfigError(f"{name} must be an integer between 1 and {maximum}, not {_shorten(value)}")
        layer = self.hidden_size * (4 * self.hidden_size + 2 * self.intermediate_size // self.num_groups)
        if self.vocab_size * self.embedding_size + self.num_hidden_layers * layer > _MAX_PARAMETERS:
            raise ConfigError(
                f"a model with vocab_size {self.vocab_size}, embedding_size {self.embedding_size}, hidden_size "
                f"{self.hidden_size}, intermediate_size {self.intermediate_size} and {self.num_hidden_layers} layers "
                "has more parameters than any ConvBERT: correct these sizes"
            )
        if self.conv_kernel_size % 2 == 0:
            raise ConfigError(
                f"conv_kernel_size must be odd, so that the kernel has a center, not {self.conv_kernel_size}"
            )
        if self.hidden_size % (2 * self.num_mixed_heads) != 0:
            raise ConfigError(
                f"hidden_size ({self.hidden_size}) must be a multiple of {2 * self.num_mixed_heads}: half of it is "
                f"split among {self.num_mixed_heads} attention heads (num_attention_heads / head_ratio)"
            )
        for name in ("hidden_size", "intermediate_size"):
            if getattr(self, name) % self.num_groups != 0:
                raise ConfigError(
                    f"{name} ({getattr(self, name)}) must be a multiple of num_groups ({self.num_groups})"
                )
        for name in ("tie_word_embeddings", "summary_use_proj", "summary_proj_to_labels"):
            if not isinstance(getattr(self, name), bool | None):
                raise ConfigError(f"{name} must be true or false, not {_shorten(getattr(self, name))}")
        for name in ("bos_token_id", "eos_token_id"):
            if getattr(self, name) is not None and not _is_integer(getattr(self, name)):
                raise ConfigError(f"{name} must be an integer, not {_shorten(getattr(self, name))}")
        pad = self.pad_token_id
        if pad is not None and not (_is_integer(pad) and 0 <= pad < self.vocab_size):
            raise ConfigError(
                f"pad_token_id must be an integer from 0 to below vocab_size ({self.vocab_size}), not {_shorten(pad)}"
            )
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                choices = ", ".join(map(str, allowed))
                raise ConfigError(f"{name} must be one of {choices}, not {_shorten(getattr(self, name))}")
        for name in ("layer_norm_eps", "initializer_range"):
            value = getattr(self, name)
            if not _is_number(value) or not 0 < value < inf:
                raise ConfigError(f"{name} must be a positive number, not {_shorten(value)}")
        for name in (
            *("hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout"),
            *("summary_first_dropout", "summary_last_dropout"),
        ):
            value = getattr(self, name)
            if value is not None and (not _is_number(value) or not 0 <= value <= 1):
                raise ConfigError(f"{name} must be a number between 0 and 1, not {_shorten(value)}")
        self._set_labels()

    def _set_labels(self) -> None:
        try:
            labels = {int(index): str(label) for index, label in self.id2label.items()}
        except (AttributeError, OverflowError, TypeError, ValueError) as error:
            raise ConfigError(f"id2label must map integers to names, not {_shorten(self.id2label)}") from error
        if not labels:
            labels = {index: f"LABEL_{index}" for index in range(self.num_labels)}
        if len(labels) > _MAX["num_labels"]:
            raise ConfigError(f"id2label must name at most {_MAX['num_labels']} labels, not {len(labels)}")
        if sorted(labels) != list(range(len(labels))):
            raise ConfigError(f"id2label must name the labels 0 to {len(labels) - 1}, not {_shorten(sorted(labels))}")
        object.__setattr__(self, "id2label", labels)
        object.__setattr__(self, "num_labels", len(labels))

    @property
    def label2id(self) -> dict[str, int]:
        """The id of each label."""
        return {label: index for index, label in self.id2label.items()}

    @property
    def num_mixed_heads(self) -> int:
        """Attention heads, after division by ``head_ratio``; also the heads of the dynamic convolution."""
        return max(1, self.num_attention_heads // self.head_ratio)

    @property
    def mixed_size(self) -> int:
        """Channels of the attention branch and of the convolution branch, half of ``hidden_size`` each."""
        return self.hidden_size // 2

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Create a config from the content of a config.json; unknown fields go to ``extra``."""
        if values.get("model_type", "convbert") != "convbert":
            kind = _shorten(values["model_type"])
            raise ConfigError(f"the config describes a {kind} model; only 'convbert' is supported")
        names = {known.name for known in fields(cls)} - {"extra"}
        known = {name: value for name, value in values.items() if name in names}
        architectures = known.get("architectures") or ()
        if not isinstance(architectures, list | tuple) or not all(isinstance(name, str) for name in architectures):
            raise ConfigError(f"architectures must be a list of names, not {_shorten(architectures)}")
        known["architectures"] = tuple(architectures)
        known["id2label"] = known.get("id2label") or {}
        extra = {name: value for name, value in values.items() if name not in names and name not in _DERIVED}
        return cls(**known, extra=extra)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Create a config from the text of a config.json.

        Raises:
            ConfigError: the text is not JSON, or a value is invalid.
        """
        try:
            values = parse_object(text)
        except ValueError as error:
            raise ConfigError(f"the config {error}; write it again with save_pretrained") from error
        return cls.from_dict(values)

    @classmethod
    def from_pretrained(cls, directory: str | Path) -> Self:
        """Read the config.json of a checkpoint directory.

        Raises:
            FileMissingError: the file does not exist.
            ConfigError: it is not a ConvBERT config.
        """
        path = Path(directory) / "config.json"
        if not path.is_file():
            raise FileMissingError(f"{path} is missing: name a directory that save_pretrained wrote")
        try:
            with path.open("rb") as file:
                text = file.read(MAX_JSON_BYTES + 1).decode()
            return cls.from_json(text)
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from error
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} cannot be read ({error}): write it again with save_pretrained") from error

    def to_dict(self) -> dict[str, Any]:
        """The content of a config.json, as the reference writes it."""
        values = {known.name: getattr(self, known.name) for known in fields(self) if known.name not in _DERIVED}
        labels = {str(index): label for index, label in self.id2label.items()}
        values |= {"architectures": list(self.architectures), "id2label": labels, "label2id": self.label2id}
        return {"model_type": "convbert", **self.extra, **values}

    def to_json(self) -> str:
        """The text of a config.json."""
        return json.dumps(self.to_dict(), indent=2, sort_keys=True) + "\n"


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shorten(value: object) -> str:
    """The repr of a value for a message, shortened if it is long."""
    return _REPR.repr(value)
