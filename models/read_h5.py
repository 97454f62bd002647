"""tf_model.h5, as the reference's TensorFlow classes save it. TensorFlow is not needed."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import CheckpointError
from convbert_onnx.models.unreadable import unreadable
from convbert_onnx.models.weights import Weight, weights_by_name
from convbert_onnx.packages import require

__all__ = ["read_h5"]

_OPTIMIZER = "optimizer_weights/"
_FLOATS = ("<f2", "<f4", "<f8", ">f2", ">f4", ">f8")


def read_h5(path: Path) -> dict[str, Tensor]:
    """The tensors of the file, under the reference's names and in its layouts.

    What the table of weights does not know keeps its name, with dots, so that whoever checks names can tell.

    Raises:
        MissingExtraError: h5py is not installed.
        FileMissingError: there is no config.json beside the file.
        CheckpointError: the file is damaged or something else, or wants data from other files.
    """
    require("reading tf_model.h5", "tf", "h5py")
    import h5py

    config = ConvBertConfig.from_pretrained(path.parent)
    tensors: dict[str, Tensor] = {}
    try:
        with h5py.File(path, "r") as file:
            found = dict(_datasets(file, path))
            # A config may name any number of layers; more than the file has datasets are not there.
            layers = max(1, min(config.num_hidden_layers, len(found)))
            known = weights_by_name("h5", replace(config, num_hidden_layers=layers))
            wanted = {name: weight for name in found if (weight := _weight(name, known))}
            if sum(found[name].nbytes for name in wanted) > path.stat().st_size:
                raise CheckpointError(f"{path} is smaller than the weights that it claims to hold: copy it again")
            for name, dataset in found.items():
                if name not in wanted:
                    # Keras puts two names of layers before a variable's own.
                    tensors[name.split("/", 2)[-1].replace("/", ".")] = torch.empty(dataset.shape, device="meta")
                    continue
                reference = wanted[name].reference
                array = torch.from_numpy(dataset[()].astype(dataset.dtype.newbyteorder("=")))
                tensor = wanted[name].from_tensorflow(array, "h5").contiguous()
                # Tied weights are stored with every layer that uses them.
                if reference in tensors and not tensor.equal(tensors[reference]):
                    raise CheckpointError(f"{path} has {reference} twice with different numbers: save one model there")
                tensors[reference] = tensor
    except CheckpointError:
        raise
    except Exception as error:  # of many kinds, for files that are damaged in different places
        raise unreadable(path, error) from error
    return tensors


def _weight(name: str, known: dict[str, Weight]) -> Weight | None:
    """The weight that a dataset is: its name ends in TensorFlow's, after the names of a model's layers."""
    parts = name.split("/")
    return next((known[end] for i in range(len(parts)) if (end := "/".join(parts[i:])) in known), None)


def _datasets(file: Any, path: Path) -> Iterator[tuple[str, Any]]:
    """The names of variables, without ``:0``, and their datasets, which hold what they claim within this file.

    Raises:
        CheckpointError: the file names other files, or has datasets that no TensorFlow model has.
    """
    import h5py

    names: list[str] = []
    file.visit_links(names.append)
    for name in names:
        if not isinstance(file.get(name, getlink=True), h5py.HardLink):
            raise CheckpointError(f"{path} has a link to other data ({name[:200]}): do not use it")
        dataset = file[name]
        if not isinstance(dataset, h5py.Dataset) or name.startswith(_OPTIMIZER):
            continue
        if reason := _refusal(dataset):
            raise CheckpointError(f"{path} cannot be read as weights ({name[:200]} {reason}): save the model again")
        yield name.removesuffix(":0"), dataset


def _refusal(dataset: Any) -> str:
    """Why a dataset is not to be read; empty where it may be."""
    if dataset.is_virtual or dataset.external:
        return "wants data from other files"
    if dataset.dtype.str not in _FLOATS:
        return f"is {dataset.dtype}, not floating point"
    if dataset.shape is None:
        return "is empty"
    if dataset.id.get_create_plist().get_nfilters():
        return "is compressed, which may be of any size in memory and which TensorFlow never does"
    if dataset.id.get_storage_size() < dataset.nbytes:
        return f"claims {dataset.nbytes} bytes and has {dataset.id.get_storage_size()}"
    return ""
