"""Evaluation of feature extraction, which has sample calls only."""

from pathlib import Path

import pytest
from golden import Exported
from labelled import SENTIMENT, written

from convbert_onnx import ConvBertOnnxPipeline
from convbert_onnx.errors import InputError
from convbert_onnx.runtime.evaluation.base import task_evaluation
from convbert_onnx.runtime.evaluation.datasets import read_labelled_data


def test_feature_extraction_has_sample_calls_and_no_labelled_data(exported: Exported, tmp_path: Path) -> None:
    pipe = ConvBertOnnxPipeline(exported(task="feature-extraction"))
    call, *_ = task_evaluation("feature-extraction").sample_calls(pipe)
    assert pipe(**call, pooling="cls")
    with pytest.raises(
        InputError, match="feature-extraction has no labelled data; tasks that have are fill-mask, text-"
    ):
        read_labelled_data(written(tmp_path, "a.txt", "a"), "feature-extraction", SENTIMENT)
