"""Write tf_model.h5 in the layout of the reference's TensorFlow classes, without TensorFlow.

Names and axes are implemented independently of the table of weights, to test it; files of the real classes are read in
tests/models/test_tensorflow.py.
"""

from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray
from torch import Tensor


def h5_weight(name: str, tensor: Tensor) -> tuple[str, NDArray[np.float32]]:
    """Convert a weight of the reference to TensorFlow's name and layout."""
    array = tensor.numpy()
    *scope, part = name.replace("encoder.layer.", "encoder.layer_:_").split(".")
    scope = [level.replace(":", ".") for level in scope]
    if scope[-1] == "depthwise":  # [C, 1, K] -> [K, C, 1]
        return "/".join((*scope[:-1], "depthwise_kernel")), array.transpose(2, 0, 1)
    if scope[-1] == "pointwise":  # [out, in, 1] -> [1, in, out]
        return "/".join((*scope[:-1], "pointwise_kernel")), array.transpose(2, 1, 0)
    if scope[-1] == "LayerNorm":
        part = {"weight": "gamma", "bias": "beta"}[part]
    elif scope[-1] in ("position_embeddings", "token_type_embeddings"):
        part = "embeddings"
    elif part == "weight" and scope[-1] != "word_embeddings":
        part, array = "kernel", array.T  # grouped: [groups, in, out] -> [out, in, groups]
    elif scope[-1] == "key_conv_attn_layer":
        array = array[:, 0]
    return "/".join((*scope, part)), array


def write_h5(path: Path, tensors: Mapping[str, Tensor], model: str = "tf_conv_bert_for_question_answering") -> None:
    """Write tensors, named as in the reference's checkpoints with a head, in Keras's file structure."""
    with h5py.File(path, "w") as file:
        for name, tensor in tensors.items():
            weight, array = h5_weight(name, tensor)
            file[f"{weight.split('/')[0]}/{model}/{weight}:0"] = array
