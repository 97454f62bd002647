"""Files from elsewhere in our runtime."""

import shutil
from pathlib import Path

import onnx
import pytest
from golden import CHECKPOINTS

from convbert_onnx.errors import BundleError
from convbert_onnx.runtime.model import open_model


@pytest.mark.parametrize("inputs", ["float[N] x", "int64[N] input_ids, int64[N] attention_mask"])
def test_a_graph_with_other_inputs_is_refused(tmp_path: Path, inputs: str) -> None:
    name = inputs.split(",")[0].split()[-1]
    text = f'<ir_version: 8, opset_import: ["" : 18]> other ({inputs}) => (float[N] start_logits, float[N] end_logits)'
    onnx.save(
        onnx.parser.parse_model(f"{text} {{ start_logits = Cast <to = 1> ({name}) end_logits = Neg (start_logits) }}"),
        tmp_path / "model.onnx",
    )
    for file in ("config.json", "tokenizer.json"):
        shutil.copy(CHECKPOINTS / "plain-question-answering" / file, tmp_path)
    with pytest.raises(BundleError, match=r"no question-answering model: it takes .*the task needs input_ids"):
        open_model(tmp_path)
