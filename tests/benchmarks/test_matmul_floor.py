"""The files with a model's matmuls alone."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnxruntime
import pytest

from benchmarks.matmul_floor import int8_matmul_inputs, matmul_inputs, write_int8_matmuls, write_matmuls
from convbert_onnx.config import ConvBertConfig

ROOT = Path(__file__).parents[2]
CONFIG = ConvBertConfig(
    hidden_size=32, embedding_size=16, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64, num_groups=2
)

Feed = dict[str, Any]


def test_matmuls_are_those_of_the_model(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path\n"
        "import onnx\n"
        "from benchmarks.matmul_floor import write_matmuls\n"
        "from convbert_onnx.models import PRESETS\n"
        "for name, preset in PRESETS.items():\n"
        f"    write_matmuls(preset, Path({str(tmp_path)!r}, name))\n"
        f"    graph = onnx.load(Path({str(tmp_path)!r}, name)).graph\n"
        "    weights = sum(tensor.dims[0] * tensor.dims[1] for tensor in graph.initializer)\n"
        "    print(name, len(graph.node), weights)\n"
    )
    output = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    # Multiplications per token and layer of the encoder, as in the paper's sizes, but for the depthwise convolution.
    per_layer = {"base": 6810624 - 768 * 9, "medium-small": 1116288 - 384 * 9, "small": 758272 - 256 * 9}
    projections = {"base": 0, "medium-small": 128 * 384, "small": 128 * 256}
    matmuls = {"base": 12 * 8, "medium-small": 12 * 10 + 1, "small": 12 * 8 + 1}
    expected = [f"{name} {matmuls[name]} {12 * per_layer[name] + projections[name]}" for name in per_layer]
    assert sorted(output.splitlines()) == sorted(expected)


@pytest.mark.parametrize(
    ("write", "inputs", "width"),
    [(write_matmuls, matmul_inputs, CONFIG.hidden_size), (write_int8_matmuls, int8_matmul_inputs, 16)],
)
def test_files_run_with_their_inputs(
    write: Callable[..., None], inputs: Callable[..., Feed], width: int, tmp_path: Path
) -> None:
    write(CONFIG, tmp_path / "matmuls.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "matmuls.onnx")
    (output,) = session.run(None, inputs(CONFIG, 2, 5))
    assert output.shape == (2 * 5, width)
