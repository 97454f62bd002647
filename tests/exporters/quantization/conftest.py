"""What the tests of int8 files share."""

from pathlib import Path

import pytest
from golden import Exported

from convbert_onnx.bundle import Cpu
from convbert_onnx.exporters import QuantizationOptions, quantize
from convbert_onnx.exporters.quantization import embeddings


@pytest.fixture
def small_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Quantize the embedding tables of the toy models too."""
    monkeypatch.setattr(embeddings, "MIN_TABLE_SIZE", 2**10)


@pytest.fixture(params=["plain", "grouped"])
def architecture(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def quantized(exported: Exported, architecture: str, cpu: Cpu, tmp_path: Path) -> Path:
    quantize(exported(architecture), tmp_path / "int8.onnx", options=QuantizationOptions(cpu=cpu))
    return tmp_path / "int8.onnx"
