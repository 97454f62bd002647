"""ConvBertConfig: the sizes of a model and the names of its labels, without torch."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from convbert_onnx.errors import ConfigError, FileMissingError

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
"""The activations that ``hidden_act`` may name, as the reference spells them."""

PROBLEM_TYPES = ("regression", "single_label_classification", "multi_label_classification")
SUMMARY_TYPES = ("last", "first", "mean", "cls_index")

_POSITIVE = (
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "max_position_embeddings",
    "type_vocab_size",
    "embedding_size",
    "head_ratio",
    "conv_kernel_size",
    "num_groups",
)
_DERIVED = ("num_labels", "label2id", "model_type", "extra")


@dataclass(frozen=True)
class ConvBertConfig:
    """The configuration of a ConvBERT, with the fields and defaults of the reference's class of the same name.

    ``id2label`` decides about ``num_labels`` where both are given. ``extra`` keeps the fields of a config.json that
    this class has no use for, so that they survive reading and writing.

    Raises:
        ConfigError: a value is impossible; the message names the field.
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
        for name in _POSITIVE:
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ConfigError(f"{name} must be a whole number of at least 1, not {value!r}")
        if self.conv_kernel_size % 2 == 0:
            raise ConfigError(
                f"conv_kernel_size must be odd, so that the window has a middle, not {self.conv_kernel_size}"
            )
        if self.hidden_size % (2 * self.num_mixed_heads) != 0:
            raise ConfigError(
                f"hidden_size ({self.hidden_size}) must be a multiple of {2 * self.num_mixed_heads}: half of it is "
                f"shared by {self.num_mixed_heads} attention heads (num_attention_heads / head_ratio)"
            )
        for name in ("hidden_size", "intermediate_size"):
            if getattr(self, name) % self.num_groups != 0:
                raise ConfigError(
                    f"{name} ({getattr(self, name)}) must be a multiple of num_groups ({self.num_groups})"
                )
        if self.hidden_act not in ACTIVATIONS:
            raise ConfigError(f"hidden_act {self.hidden_act!r} is not known; known are {', '.join(ACTIVATIONS)}")
        if self.pad_token_id is not None and not 0 <= self.pad_token_id < self.vocab_size:
            raise ConfigError(f"pad_token_id must be below vocab_size ({self.vocab_size}), not {self.pad_token_id}")
        for name, known in (("summary_type", SUMMARY_TYPES), ("problem_type", (None, *PROBLEM_TYPES))):
            if getattr(self, name) not in known:
                choices = ", ".join(map(str, known))
                raise ConfigError(f"{name} {getattr(self, name)!r} is not known; known are {choices}")
        for name in ("layer_norm_eps", "initializer_range"):
            value = getattr(self, name)
            if not isinstance(value, float | int) or not value > 0:
                raise ConfigError(f"{name} must be a number above 0, not {value!r}")
        for name in ("hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, float | int) or not 0 <= value <= 1):
                raise ConfigError(f"{name} must be a number between 0 and 1, not {value!r}")
        self._set_labels()

    def _set_labels(self) -> None:
        try:
            labels = {int(index): str(label) for index, label in self.id2label.items()}
        except (AttributeError, ValueError) as error:
            raise ConfigError(f"id2label must map numbers to names, not {self.id2label!r}") from error
        if not labels:
            labels = {index: f"LABEL_{index}" for index in range(self.num_labels)}
        if sorted(labels) != list(range(len(labels))):
            raise ConfigError(f"id2label must name the labels 0 to {len(labels) - 1}, not {sorted(labels)}")
        object.__setattr__(self, "id2label", labels)
        object.__setattr__(self, "num_labels", len(labels))

    @property
    def label2id(self) -> dict[str, int]:
        """The number of each label."""
        return {label: index for index, label in self.id2label.items()}

    @property
    def num_mixed_heads(self) -> int:
        """Heads that are left after ``head_ratio``; as many again are replaced by the dynamic convolution."""
        return max(1, self.num_attention_heads // self.head_ratio)

    @property
    def mixed_size(self) -> int:
        """Channels of the attention and of the convolution branch: half of ``hidden_size`` each."""
        return self.hidden_size // 2

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """A config from the content of a config.json; unknown fields go to ``extra``."""
        if values.get("model_type", "convbert") != "convbert":
            raise ConfigError(f"the config describes a {values['model_type']!r} model; only 'convbert' is supported")
        names = {known.name for known in fields(cls)} - {"extra"}
        known = {name: value for name, value in values.items() if name in names}
        known["architectures"] = tuple(known.get("architectures") or ())
        known["id2label"] = known.get("id2label") or {}
        extra = {name: value for name, value in values.items() if name not in names and name not in _DERIVED}
        return cls(**known, extra=extra)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """A config from the text of a config.json.

        Raises:
            ConfigError: the text is not JSON, or a value is impossible.
        """
        try:
            values = json.loads(text)
        except ValueError as error:
            raise ConfigError(f"the config is not JSON ({error}); write it again with save_pretrained") from error
        if not isinstance(values, dict):
            raise ConfigError("the config must be a JSON object, as save_pretrained writes it")
        return cls.from_dict(values)

    @classmethod
    def from_pretrained(cls, directory: str | Path) -> Self:
        """The config.json of a checkpoint directory.

        Raises:
            FileMissingError: there is no such file.
            ConfigError: it is no ConvBERT config.
        """
        path = Path(directory) / "config.json"
        if not path.is_file():
            raise FileMissingError(f"{path} is missing: name a directory that save_pretrained wrote")
        try:
            return cls.from_json(path.read_text(encoding="utf-8"))
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from error

    def to_dict(self) -> dict[str, Any]:
        """The content of a config.json, as the reference writes it."""
        values = {known.name: getattr(self, known.name) for known in fields(self) if known.name not in _DERIVED}
        labels = {str(index): label for index, label in self.id2label.items()}
        values |= {"architectures": list(self.architectures), "id2label": labels, "label2id": self.label2id}
        return {"model_type": "convbert", **self.extra, **values}

    def to_json(self) -> str:
        """The text of a config.json."""
        return json.dumps(self.to_dict(), indent=2, sort_keys=True) + "\n"
