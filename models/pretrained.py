"""What all models share: initialization, and reading and writing checkpoints."""

from collections.abc import Mapping
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn

from convbert_onnx.bundle import Padding
from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import ConfigError
from convbert_onnx.models import checkpoint
from convbert_onnx.models.fit import check_sizes
from convbert_onnx.models.names import find_names, unwrapped
from convbert_onnx.models.sources import locate
from convbert_onnx.models.unreadable import one_line

__all__ = ["PreTrainedModel"]

_HERE = "convbert_onnx.models."


class PreTrainedModel(nn.Module):
    """Base of the backbone and of the models with a head.

    Args:
        config: sizes of the model.
        padding: "as-trained" lets padding reach the convolutions, as the reference does, so that a text's result
            depends on what else is in its batch; "masked" counts padding as zero there, so that every row equals the
            reference's result for that row alone.
    """

    def __init__(self, config: ConvBertConfig, padding: Padding = "as-trained") -> None:
        super().__init__()
        self.config = config
        self.padding = padding

    def initialize(self) -> None:
        """Draw weights from a normal distribution with ``initializer_range``, as the reference does."""
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
        """The model of a checkpoint, in evaluation mode and in fp32.

        Args:
            source: a directory with config.json and weights in any format of :mod:`convbert_onnx.models.formats`, or
                else the id of a repository of the Hugging Face hub.
            padding: "as-trained" or "masked".
            allow_random_head: fill a head that the checkpoint lacks with random numbers, the same ones each time.
            revision: branch, tag or commit of the repository; by default ``main``.
            offline: take the repository from the cache, without asking the hub.

        Raises:
            FileMissingError: there is no such directory, repository, config or weights file.
            HubError: the hub cannot be reached, or refuses.
            ConfigError: the config is no ConvBERT's.
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
        """The model with these weights, named as in the reference's state dict; all names may have one more prefix.

        Memory is shared where types allow.

        Raises:
            ConfigError: the config has a value that a layer refuses.
            MissingHeadError: the head's weights are missing.
            CheckpointError: weights are missing, unexpected or of the wrong shape; all of them are listed.
        """
        names = find_names(tensors, source)
        stored = {reference: tensors[name] for reference, name in names.reference.items()}
        check_sizes(stored, config, source)
        # A class that derives from one of ours may have tensors of its own, which nothing here would fill.
        derived = not cls.__module__.startswith(_HERE)
        try:
            with torch.device("cpu" if derived else "meta"):
                model = cls(config, padding) if padding != "as-trained" else cls(config)
        except (TypeError, ValueError, RuntimeError) as error:
            if derived or isinstance(error, ConfigError):
                raise
            raise ConfigError(f"the config of {source} describes no model ({one_line(str(error))})") from error
        own = checkpoint.from_reference(
            stored,
            cls.head(),
            config,
            {unwrapped(name): tensor.shape for name, tensor in model.state_dict().items()},
            outside=names.outside,
            allow_random_head=allow_random_head,
            source=source,
        )
        model.load_state_dict(own, assign=True, strict=not derived)
        return model.requires_grad_().eval()

    @classmethod
    def head(cls) -> str:
        """The name of the class, or of the class of ours that it derives from."""
        return next(base.__name__ for base in cls.__mro__ if base.__module__.startswith(_HERE))

    def narrows(self, *, output_hidden_states: bool, output_attentions: bool) -> bool:
        """Whether the last layer is computed only for the position that a head needs: the same numbers for less work.

        With padding as trained it is not, so that the convolutions of all layers take the same inputs in a graph.
        """
        return self.padding == "masked" and not (output_hidden_states or output_attentions)

    def reference_state_dict(self) -> dict[str, Tensor]:
        """The weights named as in the reference's state dict."""
        return checkpoint.to_reference(_own_state(self), self.head(), self.config)

    def save_pretrained(self, directory: str | Path) -> None:
        """Write config.json and model.safetensors with the reference's names; the directory is made if needed."""
        checkpoint.write(Path(directory), self.head(), self.config, _own_state(self))


def _own_state(model: nn.Module) -> dict[str, Tensor]:
    """The state dict, without the names of wrappers around parts of the model (torch.compile, DataParallel)."""
    return {unwrapped(name): tensor for name, tensor in model.state_dict().items()}
