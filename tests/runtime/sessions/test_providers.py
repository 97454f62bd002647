from typing import Any

import pytest

from convbert_onnx.errors import InputTypeError, ProviderError
from convbert_onnx.runtime.sessions.providers import check_active, resolve_providers


@pytest.mark.parametrize("asked", [None, [], "cpu", ["cpu"], "CPUExecutionProvider", [("cpu", {})]])
def test_resolve_providers_accepts_all_spellings_of_the_cpu(asked: Any) -> None:
    assert resolve_providers(asked) == [("CPUExecutionProvider", {})]


def test_resolve_providers_keeps_options() -> None:
    options = {"use_arena": "0"}
    assert resolve_providers([("CPUExecutionProvider", options)]) == [("CPUExecutionProvider", options)]


@pytest.mark.parametrize("name", ["cuda", "tensorrt", "TensorrtExecutionProvider"])
def test_missing_provider_error_says_what_to_install(name: str) -> None:
    with pytest.raises(ProviderError, match=r"pip install 'convbert-onnx\[gpu\]'"):
        resolve_providers([name])


def test_unknown_provider_error_lists_the_available_ones() -> None:
    with pytest.raises(ProviderError, match="CPUExecutionProvider"):
        resolve_providers("npu")


@pytest.mark.parametrize("asked", [[3], [("cpu",)], [("cpu", "fast")]])
def test_invalid_provider_raises(asked: Any) -> None:
    with pytest.raises(InputTypeError, match="a provider is a name"):
        resolve_providers(asked)


def test_check_active_detects_a_dropped_provider() -> None:
    cuda, cpu = "CUDAExecutionProvider", "CPUExecutionProvider"
    check_active([(cuda, {})], [cuda, cpu])
    with pytest.raises(ProviderError, match=r"did not start: pip install 'convbert-onnx\[gpu\]'"):
        check_active([(cuda, {})], [cpu])
