"""What all models share: initialization, and reading and writing checkpoints."""

from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn

from convbert_onnx.bundle import Padding
from convbert_onnx.config import ConvBertConfig
from convbert_onnx.models import checkpoint

__all__ = ["PreTrainedModel"]


class PreTrainedModel(nn.Module):
    """Base of the backbone and of the models with a head."""

    def __init__(self, config: ConvBertConfig) -> None:
        super().__init__()
        self.config = config

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

    @classmethod
    def from_pretrained(
        cls, directory: str | Path, *, padding: Padding = "as-trained", allow_random_head: bool = False
    ) -> Self:
        """The model in a directory of the reference's layout, in evaluation mode and in fp32.

        Args:
            directory: holds config.json and model.safetensors or pytorch_model.bin.
            padding: see :class:`ConvBertModel`.
            allow_random_head: fill a head that the checkpoint lacks with random numbers, the same ones each time.

        Raises:
            FileMissingError: there is no such directory, config or weights file.
            ConfigError: the config is no ConvBERT's.
            MissingHeadError: the checkpoint has no weights for this class's head.
            CheckpointError: weights are missing, unexpected or of the wrong shape; all of them are listed.
        """
        config = ConvBertConfig.from_pretrained(directory)
        with torch.device("meta"):
            model = cls(config, padding)  # type: ignore[call-arg]  # every concrete class has this signature
        tensors = checkpoint.read(Path(directory), cls.__name__, config, _shapes(model), allow_random_head)
        model.load_state_dict(tensors, assign=True)
        return model.requires_grad_().eval()

    def save_pretrained(self, directory: str | Path) -> None:
        """Write config.json and model.safetensors with the reference's names; the directory is made if needed."""
        checkpoint.write(Path(directory), type(self).__name__, self.config, self.state_dict())


def _shapes(model: nn.Module) -> dict[str, torch.Size]:
    tensors: dict[str, Tensor] = model.state_dict()
    return {name: tensor.shape for name, tensor in tensors.items()}
