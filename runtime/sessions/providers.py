"""Resolve execution providers to onnxruntime's names and options, and check that they are active."""

from collections.abc import Mapping, Sequence

from convbert_onnx.errors import InputTypeError, ProviderError
from convbert_onnx.packages import load_onnxruntime

__all__ = ["CPU", "ProviderSpec", "check_active", "resolve_providers"]

ProviderSpec = str | tuple[str, Mapping[str, object]]
"""A provider: onnxruntime's name or a short name, alone or in a pair with options."""

CPU = "CPUExecutionProvider"
_SHORT_NAMES = {"cpu": CPU, "cuda": "CUDAExecutionProvider", "tensorrt": "TensorrtExecutionProvider"}
_INSTALL = {
    CPU: "pip install 'convbert-onnx[cpu]'",
    "CUDAExecutionProvider": "pip install 'convbert-onnx[gpu]' 'onnxruntime-gpu[cuda,cudnn]', and an NVIDIA driver",
    "TensorrtExecutionProvider": "pip install 'convbert-onnx[gpu]' 'tensorrt-cu13>=10.13,<11', and an NVIDIA driver",
}


def resolve_providers(providers: str | Sequence[ProviderSpec] | None) -> list[tuple[str, dict[str, object]]]:
    """Return the providers as pairs of onnxruntime's name and options, in order; by default the CPU only.

    Raises:
        ProviderError: the installed onnxruntime has no such provider.
        InputTypeError: an entry is neither a name nor a pair of name and options.
    """
    if isinstance(providers, str):
        providers = [providers]
    resolved = [_name_and_options(provider) for provider in providers or [CPU]]
    available = load_onnxruntime().get_available_providers()
    for name, _ in resolved:
        if name not in available:
            advice = _INSTALL.get(name, f"this onnxruntime has {', '.join(available)}")
            raise ProviderError(f"the execution provider {name} is not part of the installed onnxruntime: {advice}")
    return resolved


def check_active(requested: Sequence[tuple[str, object]], active: Sequence[str]) -> None:
    """Check that onnxruntime did not silently drop a provider when it created the session.

    Raises:
        ProviderError: a provider is not active.
    """
    for name, _ in requested:
        if name not in active:
            advice = _INSTALL.get(name, "check its requirements")
            raise ProviderError(f"the execution provider {name} was requested but did not start: {advice}")


def _name_and_options(provider: object) -> tuple[str, dict[str, object]]:
    match provider:
        case str(name):
            options: Mapping[str, object] = {}
        case (str(name), dict(options)):
            pass
        case _:
            raise InputTypeError(f"a provider is a name or a pair of name and options, not {provider!r}")
    return _SHORT_NAMES.get(name, name), dict(options)
