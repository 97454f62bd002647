import pytest

from convbert_onnx.bundle import Cpu
from convbert_onnx.config import ConvBertConfig
from convbert_onnx.exporters.quantization.plan import Plan
from convbert_onnx.precisions import PRECISIONS


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("cpu", ["vnni", "avx2", "arm64"])
def test_pairs_are_fitted_for_int8_activations_on_cpus_that_saturate(precision: str, cpu: Cpu) -> None:
    plan = Plan(PRECISIONS[precision], "cpu", ConvBertConfig(), cpu, "unsigned")
    assert plan.fit_pairs == (cpu == "avx2" and precision in ("int8", "int8-static"))
