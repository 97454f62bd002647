from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from golden import QUESTION, Exported

from convbert_onnx import ConvBertOnnxPipeline
from convbert_onnx.bundle import Quantized
from convbert_onnx.errors import BundleError
from convbert_onnx.exporters import quantize
from convbert_onnx.exporters.quantization.weight_only import BLOCK_SIZE, quantize_blocks


@pytest.mark.parametrize("architecture", ["plain", "grouped"])
@pytest.mark.parametrize(("precision", "least"), [("int8-weights", 0.97), ("int4-weights", 0.6)])
def test_weight_only_outputs_stay_close_to_fp32(
    exported: Exported, architecture: str, precision: Quantized, least: float, tmp_path: Path
) -> None:
    original = exported(architecture)
    record = quantize(original, tmp_path / "small.onnx", precision=precision)
    assert (record.precision, record.cpu) == (precision, None)
    assert record.operators["com.microsoft.MatMulNBits"] >= 3 * 4
    ((right,),) = ConvBertOnnxPipeline(original).raw_outputs_many([QUESTION])
    ((ours,),) = ConvBertOnnxPipeline(tmp_path / "small.onnx").raw_outputs_many([QUESTION])
    for name in right:
        assert least < np.corrcoef(right[name], ours[name])[0, 1] < 1


def test_an_engine_without_8_bit_matmuls_is_refused_when_the_file_is_opened(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    precisions: tuple[Quantized, ...] = ("int8-weights", "int4-weights")
    for precision in precisions:
        quantize(exported(), tmp_path / f"{precision}.onnx", precision=precision)
    monkeypatch.setattr(onnxruntime, "__version__", "1.22.1")
    with pytest.raises(BundleError, match=r"onnxruntime 1.22.1 cannot run: pip install 'onnxruntime>=1.23"):
        ConvBertOnnxPipeline(tmp_path / "int8-weights.onnx")
    assert ConvBertOnnxPipeline(tmp_path / "int4-weights.onnx")(**QUESTION)["answer"]


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize(("inputs", "outputs"), [(64, 3), (1, 1), (100, 5), (128, 2)])
def test_quantize_blocks_rounds_to_half_a_step(bits: int, inputs: int, outputs: int) -> None:
    weight = np.random.default_rng(0).standard_normal((inputs, outputs), np.float32)
    blocks, scales = quantize_blocks(weight, bits)
    count = -(-inputs // BLOCK_SIZE)
    assert blocks.shape == (outputs, count, BLOCK_SIZE * bits // 8)
    assert scales.shape == (outputs, count)
    numbers = blocks.astype(int)
    if bits == 4:
        numbers = np.stack([numbers & 15, numbers >> 4], axis=-1).reshape(outputs, count, BLOCK_SIZE)
    restored = ((numbers - 2 ** (bits - 1)) * scales[..., None]).reshape(outputs, -1)[:, :inputs].T
    steps = np.repeat(scales, BLOCK_SIZE, axis=1)[:, :inputs].T
    assert (np.abs(restored - weight) <= 0.501 * steps).all()
