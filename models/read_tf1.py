"""Read the authors' original TensorFlow 1 checkpoints (an index and data files). Needs TensorFlow."""

import os
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import CheckpointError, FileMissingError, MissingPackageError
from convbert_onnx.models.weights import weights_by_name

__all__ = ["read_tf1"]

_SCOPE = "electra/"
_OPTIMIZER = ("/adam_m", "/adam_v", "/Adam", "/Adam_1")


def read_tf1(index: Path) -> dict[str, Tensor]:
    """Read the backbone of a checkpoint, by the reference's names and in its layouts.

    Heads are left out: the discriminator's serves no task, and the generator's belongs to another backbone.

    Raises:
        MissingPackageError: TensorFlow is not installed.
        FileMissingError: a data file, or the config.json next to them, does not exist.
        CheckpointError: the files are damaged, or not a ConvBERT checkpoint.
    """
    prefix = index.with_suffix("")
    if not list(index.parent.glob(f"{prefix.name}.data-*")):
        raise FileMissingError(
            f"{prefix}.data-00000-of-00001 is missing, which belongs to {index.name}: copy it there too"
        )
    config = ConvBertConfig.from_pretrained(index.parent)
    if find_spec("tensorflow") is None:
        raise MissingPackageError(
            f"{index} is a TensorFlow 1 checkpoint, which only TensorFlow can read: pip install tensorflow, and run "
            f"convbert-onnx convert {index.parent} -o DIR once; reading DIR needs no TensorFlow"
        )
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # keeps TensorFlow from logging to standard error
    import tensorflow

    tensors: dict[str, Tensor] = {}
    try:
        reader = tensorflow.train.load_checkpoint(str(prefix))
        names = sorted(reader.get_variable_to_shape_map())
        # Bounded by the number of variables: the config's number of layers is untrusted.
        layers = min(config.num_hidden_layers, len(names))
        known = weights_by_name("tf1", replace(config, num_hidden_layers=max(1, layers)))
        for name in names:
            if not name.startswith(_SCOPE) or name.endswith(_OPTIMIZER):
                continue
            weight = known.get(name)
            tensor = torch.from_numpy(reader.get_tensor(name))
            if weight is None:
                tensors[name] = tensor
            else:
                tensors[weight.reference] = weight.from_tensorflow(tensor, "tf1").contiguous()
    except (tensorflow.errors.OpError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise CheckpointError(f"{index} cannot be read as weights ({reason}): copy it again") from error
    if not tensors:
        raise CheckpointError(f"{index} has no variables under {_SCOPE}: name one of the ConvBERT authors' checkpoints")
    return tensors
