from typing import Any

import pytest

from convbert_onnx.errors import InputTypeError, ProviderError
from convbert_onnx.runtime.sessions.providers import check_active, resolve_providers


@pytest.mark.parametrize("asked", [None, [], "cpu", ["cpu"], "CPUExecutionProvider", [("cpu", {})]])
def test_the_cpu_has_many_spellings(asked: Any) -> None:
    assert resolve_providers(asked) == [("CPUExecutionProvider", {})]


def test_options_go_through_untouched() -> None:
    options = {"use_arena": "0"}
    assert resolve_providers([("CPUExecutionProvider", options)]) == [("CPUExecutionProvider", options)]


@pytest.mark.parametrize("name", ["cuda", "tensorrt", "TensorrtExecutionProvider"])
def test_a_provider_of_another_wheel_says_what_to_install(name: str) -> None:
    with pytest.raises(ProviderError, match=r"pip install 'convbert-onnx\[gpu\]'"):
        resolve_providers([name])


def test_a_provider_that_does_not_exist_is_told_with_those_that_do() -> None:
    with pytest.raises(ProviderError, match="CPUExecutionProvider"):
        resolve_providers("npu")


@pytest.mark.parametrize("asked", [[3], [("cpu",)], [("cpu", "fast")]])
def test_something_else_than_a_provider_is_refused(asked: Any) -> None:
    with pytest.raises(InputTypeError, match="a provider is a name"):
        resolve_providers(asked)


def test_a_provider_that_was_dropped_silently_is_noticed() -> None:
    cuda, cpu = "CUDAExecutionProvider", "CPUExecutionProvider"
    check_active([(cuda, {})], [cuda, cpu])
    with pytest.raises(ProviderError, match=r"did not start: pip install 'convbert-onnx\[gpu\]'"):
        check_active([(cuda, {})], [cpu])
