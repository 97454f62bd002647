"""Execution providers: what was asked for, in onnxruntime's words, and whether it is really there."""

from collections.abc import Mapping, Sequence

from convbert_onnx.errors import InputTypeError, ProviderError
from convbert_onnx.packages import load_onnxruntime

__all__ = ["CPU", "ProviderSpec", "check_active", "resolve_providers"]

ProviderSpec = str | tuple[str, Mapping[str, object]]
"""onnxruntime's name of a provider, or a short name, alone or with its options."""

CPU = "CPUExecutionProvider"
_SHORT_NAMES = {"cpu": CPU, "cuda": "CUDAExecutionProvider", "tensorrt": "TensorrtExecutionProvider"}
_INSTALL = {
    CPU: "pip install 'convbert-onnx[cpu]'",
    "CUDAExecutionProvider": "pip install 'convbert-onnx[gpu]' 'onnxruntime-gpu[cuda,cudnn]' beside an NVIDIA driver",
    "TensorrtExecutionProvider": "pip install 'convbert-onnx[gpu]' 'tensorrt-cu13>=10.13,<11' beside an NVIDIA driver",
}


def resolve_providers(providers: str | Sequence[ProviderSpec] | None) -> list[tuple[str, dict[str, object]]]:
    """The providers with onnxruntime's names and their options, in order; CPU alone by default.

    Raises:
        ProviderError: the installed onnxruntime has no such provider.
        InputTypeError: an entry is neither a name nor a name with options.
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


def check_active(asked: Sequence[tuple[str, object]], active: Sequence[str]) -> None:
    """Make sure that no provider was dropped silently when the session was made.

    Raises:
        ProviderError: one of them is not active.
    """
    for name, _ in asked:
        if name not in active:
            advice = _INSTALL.get(name, "see what it requires")
            raise ProviderError(f"the execution provider {name} was asked for but did not start: {advice}")


def _name_and_options(provider: object) -> tuple[str, dict[str, object]]:
    match provider:
        case str(name):
            options: Mapping[str, object] = {}
        case (str(name), dict(options)):
            pass
        case _:
            raise InputTypeError(f"a provider is a name or a pair of name and options, not {provider!r}")
    return _SHORT_NAMES.get(name, name), dict(options)
