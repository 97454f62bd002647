from collections import Counter
from pathlib import Path
from typing import Any, get_args

import numpy as np
import onnx
import pytest
from golden import QUESTION, Exported
from numpy.typing import NDArray

from convbert_onnx import ConvBertOnnxPipeline
from convbert_onnx.bundle import Cpu
from convbert_onnx.exporters import QuantizationOptions, quantize

pytestmark = pytest.mark.usefixtures("small_tables")


@pytest.mark.cpu
@pytest.mark.parametrize("native", [True, False])
def test_kernels_and_functions_agree(quantized: Path, native: bool) -> None:
    """One layer's rounding may turn another way, which later layers amplify: compared is what comes of it."""
    ((one,),) = ConvBertOnnxPipeline(quantized, native=native).raw_outputs_many([QUESTION])
    ((other,),) = ConvBertOnnxPipeline(quantized, native=False).raw_outputs_many([QUESTION])
    for name in one:
        assert np.corrcoef(one[name], other[name])[0, 1] > 0.999


@pytest.mark.cpu
@pytest.mark.parametrize("native", [True, False])
def test_outputs_of_a_row_do_not_depend_on_batch_and_padding(quantized: Path, native: bool) -> None:
    random = np.random.default_rng(0)
    alone = ConvBertOnnxPipeline(quantized, native=native, threads=1).session
    others = ConvBertOnnxPipeline(quantized, native=native, threads=2).session

    def run(session: Any, tokens: NDArray[np.int64], real: int) -> list[NDArray[np.float32]]:
        mask = np.tile(np.arange(tokens.shape[1]) < real, (len(tokens), 1)).astype(np.int64)
        outputs = session.run(
            None, {"input_ids": tokens * mask, "attention_mask": mask, "token_type_ids": np.zeros_like(tokens)}
        )
        return [output[:, :real] for output in outputs]

    for length in (3, 16, 33, 100):
        tokens = random.integers(0, 3000, (1, length))
        expected = run(alone, tokens, length)
        batch = np.concatenate([random.integers(0, 3000, (3, length)), tokens])
        padded = np.pad(batch, ((0, 0), (0, 21)))
        for result in (run(others, tokens, length), run(others, batch, length), run(others, padded, length)):
            for one, other in zip(result, expected, strict=True):
                np.testing.assert_array_equal(one[-1:], other)


def test_files_for_arm64_use_onnxruntimes_matmuls(exported: Exported, tmp_path: Path) -> None:
    quantize(exported(), tmp_path / "arm64.onnx", options=QuantizationOptions(cpu="arm64"))
    quantize(exported(), tmp_path / "vnni.onnx", options=QuantizationOptions(cpu="vnni"))
    kinds = Counter(node.op_type for node in onnx.load(tmp_path / "arm64.onnx").graph.node)
    in_one_pass = Counter(node.op_type for node in onnx.load(tmp_path / "vnni.onnx").graph.node)
    for behind in ("DequantizeBiasSplit", "DequantizeBiasMul", "DequantizeBiasGelu", "DequantizeAddLayerNorm"):
        assert kinds[behind] == in_one_pass[f"MatMul{behind}"] > 0
    answers = [
        ConvBertOnnxPipeline(tmp_path / f"{name}.onnx", native=False).raw_outputs_many([QUESTION])[0][0]
        for name in ("arm64", "vnni")
    ]
    for name in answers[0]:  # onnxruntime fuses the two differently, and later layers amplify what rounding turns
        assert np.corrcoef(answers[0][name], answers[1][name])[0, 1] > 0.999


def test_files_for_vnni_and_arm64_have_the_same_weights(exported: Exported, tmp_path: Path) -> None:
    for cpu in get_args(Cpu):
        quantize(exported(), tmp_path / f"{cpu}.onnx", options=QuantizationOptions(cpu=cpu))
    outputs = {
        cpu: ConvBertOnnxPipeline(tmp_path / f"{cpu}.onnx").raw_outputs_many([QUESTION])[0][0] for cpu in get_args(Cpu)
    }
    for name, ours in outputs["vnni"].items():
        np.testing.assert_array_equal(ours, outputs["arm64"][name])
        assert (ours != outputs["avx2"][name]).any()
