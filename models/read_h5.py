"""Read tf_model.h5, the format of the reference's TensorFlow classes, without TensorFlow."""

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
    """Read the tensors of the file, by the reference's names and in its layouts.

    Unknown weights keep their names, with dots instead of slashes, so that later checks can report them.

    Raises:
        MissingExtraError: h5py is not installed.
        FileMissingError: there is no config.json next to the file.
        CheckpointError: the file is damaged, is not a model, or refers to data in other files.
    """
    require("reading tf_model.h5", "tf", "h5py")
    import h5py

    config = ConvBertConfig.from_pretrained(path.parent)
    tensors: dict[str, Tensor] = {}
    try:
        with h5py.File(path, "r") as file:
            datasets = dict(_datasets(file, path))
            # Bounded by the number of datasets: the config's number of layers is untrusted.
            layers = max(1, min(config.num_hidden_layers, len(datasets)))
            known = weights_by_name("h5", replace(config, num_hidden_layers=layers))
            weights = {name: weight for name in datasets if (weight := _weight(name, known))}
            if sum(datasets[name].nbytes for name in weights) > path.stat().st_size:
                raise CheckpointError(f"{path} is smaller than the weights that it declares: copy it again")
            for name, dataset in datasets.items():
                if name not in weights:
                    # Keras prefixes a variable's name with two names of layers.
                    tensors[name.split("/", 2)[-1].replace("/", ".")] = torch.empty(dataset.shape, device="meta")
                    continue
                reference = weights[name].reference
                array = torch.from_numpy(dataset[()].astype(dataset.dtype.newbyteorder("=")))
                tensor = weights[name].from_tensorflow(array, "h5").contiguous()
                # Tied weights are stored once for every layer that uses them.
                if reference in tensors and not tensor.equal(tensors[reference]):
                    raise CheckpointError(f"{path} has {reference} twice with different values: save one model there")
                tensors[reference] = tensor
    except CheckpointError:
        raise
    except Exception as error:  # damaged files raise errors of many types
        raise unreadable(path, error) from error
    return tensors


def _weight(name: str, known: dict[str, Weight]) -> Weight | None:
    """The weight that a dataset holds: its name ends in TensorFlow's, after the names of enclosing layers."""
    parts = name.split("/")
    return next((known[end] for i in range(len(parts)) if (end := "/".join(parts[i:])) in known), None)


def _datasets(file: Any, path: Path) -> Iterator[tuple[str, Any]]:
    """Yield the names of variables, without ``:0``, and their datasets, after checking that they can be read safely.

    Raises:
        CheckpointError: the file refers to other files, or has datasets that TensorFlow does not write.
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
    """The reason to refuse a dataset; empty if it can be read safely."""
    if dataset.is_virtual or dataset.external:
        return "refers to data in other files"
    if dataset.dtype.str not in _FLOATS:
        return f"is {dataset.dtype}, not floating point"
    if dataset.shape is None:
        return "is empty"
    if dataset.id.get_create_plist().get_nfilters():
        return "is compressed, which TensorFlow never does and which can take any amount of memory"
    if dataset.id.get_storage_size() < dataset.nbytes:
        return f"declares {dataset.nbytes} bytes and has {dataset.id.get_storage_size()}"
    return ""
