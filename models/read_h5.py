"""tf_model.h5, as the reference's TensorFlow classes save it. TensorFlow is not needed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import CheckpointError
from convbert_onnx.extras import require
from convbert_onnx.models.weights import weights_by_name

__all__ = ["read_h5"]


def read_h5(path: Path) -> dict[str, Tensor]:
    """The tensors of the file, under the reference's names and in its layouts.

    What the table of weights does not know keeps its name, with dots, so that whoever checks names can tell.

    Raises:
        MissingExtraError: h5py is not installed.
        FileMissingError: there is no config.json beside the file.
        CheckpointError: the file is damaged or something else.
    """
    require("reading tf_model.h5", "tf", "h5py")
    import h5py

    known = weights_by_name("h5", ConvBertConfig.from_pretrained(path.parent))
    tensors: dict[str, Tensor] = {}
    try:
        with h5py.File(path, "r") as file:
            for name, dataset in _datasets(file):
                weight = known.get(name)
                reference = weight.reference if weight else name.replace("/", ".")
                if reference in tensors:  # tied weights are stored with every layer that uses them
                    continue
                tensor = torch.from_numpy(dataset[()])
                tensors[reference] = weight.from_tensorflow(tensor, "h5").contiguous() if weight else tensor
    except (OSError, RuntimeError, TypeError, ValueError) as error:  # h5py's, for damage of all kinds
        reason = " ".join(str(error).split())
        raise CheckpointError(f"{path} cannot be read as weights ({reason}): copy or save it again") from error
    return tensors


def _datasets(file: Any) -> Iterator[tuple[str, Any]]:
    """Names below the model's scope, such as ``convbert/embeddings/word_embeddings/weight``, and what they name."""
    import h5py

    names: list[str] = []
    file.visit(names.append)
    for name in names:
        dataset = file[name]
        if isinstance(dataset, h5py.Dataset):
            # Keras puts the top layer's name before the variable's own, which starts with the model's scope.
            yield name.split("/", 2)[-1].removesuffix(":0"), dataset
