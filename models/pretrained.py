"""The base class of all models: initialization, loading and saving."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from convbert_onnx.bundle import Padding
from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import ConfigError
from convbert_onnx.models import checkpoint
from convbert_onnx.models.fit import check_sizes
from convbert_onnx.models.names import resolve_names, unwrap_name
from convbert_onnx.models.sources import locate
from convbert_onnx.models.unreadable import one_line
from convbert_onnx.models.weights import Weight

__all__ = ["PreTrainedModel"]

_PACKAGE = "convbert_onnx.models."


class PreTrainedModel(nn.Module):
    """Base class of the backbone and of the models with a head.

    Args:
        config: sizes of the model.
        padding: with "as-trained", padding reaches the convolutions, as in the reference, so that a text's result
            depends on the other texts in its batch; with "masked", the convolutions see padding as zero, so that every
            row equals the reference's result for that row alone.

    Attributes:
        head_weights: the names of the head's weights, here and in the reference.
    """

    head_weights: ClassVar[Sequence[Weight]] = ()

    def __init__(self, config: ConvBertConfig, padding: Padding = "as-trained") -> None:
        super().__init__()
        self.config = config
        self.padding = padding

    def initialize(self) -> None:
        """Initialize weights from a normal distribution with ``initializer_range``, as the reference does."""
        for module in self.modules():
            for name, parameter in module.named_parameters(recurse=False):
                if isinstance(module, nn.LayerNorm):
                    nn.init.constant_(parameter, 1.0 if name == "weight" else 0.0)
                elif name == "bias":
                    nn.init.zeros_(parameter)
                else:
                    nn.init.normal_(parameter, std=self.config.initializer_range)
            if isinstance(module, nn.Embedding) and module.padding_idx is not None:
                with torch.no_grad():
                    module.weight[module.padding_idx].zero_()

    @classmethod
    def from_pretrained(
        cls,
        source: str | Path,
        *,
        padding: Padding = "as-trained",
        allow_random_head: bool = False,
        revision: str | None = None,
        offline: bool = False,
    ) -> Self:
        """Load the model of a checkpoint, in evaluation mode and in fp32.

        Args:
            source: a directory with config.json and weights in a format of :mod:`convbert_onnx.models.formats`, or the
                id of a repository on the Hugging Face hub.
            padding: "as-trained" or "masked".
            allow_random_head: initialize a missing head randomly, with a fixed seed.
            revision: branch, tag or commit of the repository; by default ``main``.
            offline: use the cache only, without contacting the hub.

        Raises:
            FileMissingError: the directory, repository, config or weights file does not exist.
            HubError: the hub cannot be reached, or refuses access.
            ConfigError: the config is not a ConvBERT config.
            MissingHeadError: the checkpoint has no weights for this class's head.
            CheckpointError: weights are missing, unexpected or of the wrong shape; all of them are listed.
            MissingExtraError: reading the format needs a package that is not installed.
        """
        directory = locate(source, revision, offline).directory
        config = ConvBertConfig.from_pretrained(directory)
        path, tensors = checkpoint.read(directory)
        return cls.from_state_dict(
            config, tensors, padding=padding, allow_random_head=allow_random_head, source=str(path)
        )

    @classmethod
    def from_state_dict(
        cls,
        config: ConvBertConfig,
        tensors: Mapping[str, Tensor],
        *,
        padding: Padding = "as-trained",
        allow_random_head: bool = False,
        source: str = "the state dict",
    ) -> Self:
        """Create a model from weights named as in the reference's state dict, which may have a common prefix.

        The model shares memory with tensors that need no conversion.

        Raises:
            ConfigError: a layer does not accept a value of the config.
            MissingHeadError: the head's weights are missing.
            CheckpointError: weights are missing, unexpected or of the wrong shape; all of them are listed.
        """
        names = resolve_names(tensors, source)
        stored = {reference: tensors[name] for reference, name in names.reference.items()}
        check_sizes(stored, config, source)
        # A subclass outside this package may have tensors of its own, which would stay on the meta device.
        derived = not cls.__module__.startswith(_PACKAGE)
        try:
            with torch.device("cpu" if derived else "meta"):
                model = cls(config, padding) if padding != "as-trained" else cls(config)
        except (TypeError, ValueError, RuntimeError) as error:
            if derived or isinstance(error, ConfigError):
                raise
            raise ConfigError(f"the config of {source} does not describe a model ({one_line(str(error))})") from error
        state_dict = checkpoint.from_reference(
            stored,
            cls.head(),
            config,
            {unwrap_name(name): tensor.shape for name, tensor in model.state_dict().items()},
            outside=names.outside,
            allow_random_head=allow_random_head,
            source=source,
        )
        model.load_state_dict(state_dict, assign=True, strict=not derived)
        return model.requires_grad_().eval()

    @classmethod
    def head(cls) -> str:
        """The name of the class, or of its nearest base class in this package."""
        return next(base.__name__ for base in cls.__mro__ if base.__module__.startswith(_PACKAGE))

    def narrows_last_layer(self, *, output_hidden_states: bool, output_attentions: bool) -> bool:
        """Whether to compute the last layer only at the position that the head reads: the same result for less work.

        Not with padding "as-trained", so that the convolutions of all layers have the same inputs in an exported graph.
        """
        return self.padding == "masked" and not (output_hidden_states or output_attentions)

    def reference_state_dict(self) -> dict[str, Tensor]:
        """The weights by the names of the reference's state dict."""
        return checkpoint.to_reference(_unwrapped_state_dict(self), self.head(), self.config)

    def save_pretrained(self, directory: str | Path) -> None:
        """Write config.json and model.safetensors with the reference's names; creates the directory if needed."""
        checkpoint.write(Path(directory), self.head(), self.config, _unwrapped_state_dict(self))


def _unwrapped_state_dict(model: nn.Module) -> dict[str, Tensor]:
    """The state dict, with names as if no part of the model were wrapped (torch.compile, DataParallel)."""
    return {unwrap_name(name): tensor for name, tensor in model.state_dict().items()}
