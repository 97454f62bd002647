"""The authors' original checkpoints, which TensorFlow 1 wrote: an index and data files. Only TensorFlow reads them."""

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
    """The backbone in a checkpoint, under the reference's names and in its layouts.

    Heads are left out: the discriminator's is for no task, and the generator's belongs to another backbone.

    Raises:
        MissingPackageError: TensorFlow is not installed.
        FileMissingError: a data file, or config.json beside them, is not there.
        CheckpointError: the files are damaged or something else.
    """
    prefix = index.with_suffix("")
    if not list(index.parent.glob(f"{prefix.name}.data-*")):
        raise FileMissingError(f"{prefix}.data-00000-of-00001 is missing, which belongs to {index.name}: copy it there")
    config = ConvBertConfig.from_pretrained(index.parent)
    if find_spec("tensorflow") is None:
        raise MissingPackageError(
            f"{index} is a TensorFlow 1 checkpoint, which only TensorFlow can read: pip install tensorflow, and run "
            f"convbert-onnx convert {index.parent} -o DIR once; DIR needs no TensorFlow"
        )
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # it would tell about the machine on standard error
    import tensorflow

    tensors: dict[str, Tensor] = {}
    try:
        reader = tensorflow.train.load_checkpoint(str(prefix))
        names = sorted(reader.get_variable_to_shape_map())
        # A config may name any number of layers; more than the checkpoint has variables are not there.
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
        raise CheckpointError(f"{index} has no variables below {_SCOPE}: name a ConvBERT checkpoint of the authors")
    return tensors
