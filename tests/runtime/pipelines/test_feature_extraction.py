"""Pooling and output formats of feature extraction."""

import numpy as np
import pytest
from golden import Exported

from convbert_onnx import ConvBertOnnxPipeline
from convbert_onnx.errors import InputError

TEXT, OTHER = "The league announced the two finalists.", "It rained in Denver all day long."
LONG = "one two three " * 300


def test_pooling_gives_the_mean_or_the_first_vector(exported: Exported) -> None:
    pipe = ConvBertOnnxPipeline(exported(task="feature-extraction"))
    tokens = pipe(TEXT, return_tensors=True)
    assert tokens.dtype == np.float32
    assert tokens.shape[0] == 1
    np.testing.assert_allclose(pipe(TEXT, pooling="cls"), tokens[0, 0], rtol=1e-6)
    np.testing.assert_allclose(pipe(TEXT, pooling="mean"), tokens[0].mean(axis=0), rtol=1e-5)
    unit = pipe(TEXT, pooling="mean", normalize=True, return_tensors=True)
    np.testing.assert_allclose(np.linalg.norm(unit), 1, rtol=1e-6)
    assert isinstance(pipe(TEXT)[0][0][0], float)
    with pytest.raises(InputError, match="pooling parameter should be one of"):
        pipe(TEXT, pooling="max")


def test_truncation_may_be_given_once(exported: Exported) -> None:
    pipe = ConvBertOnnxPipeline(exported(task="feature-extraction"))
    with pytest.raises(InputError, match="truncation is given twice"):
        pipe(TEXT, truncation=True, tokenize_kwargs={"truncation": True})
    assert pipe.describe({"inputs": TEXT}, [0.5, 1.0]) == "[0.5, 1.0]"
