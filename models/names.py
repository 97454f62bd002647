"""Map the weight names of wrapped models back to the reference's names."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from convbert_onnx.errors import CheckpointError
from convbert_onnx.models.weights import BACKBONE

__all__ = ["Names", "refuse_transformed_weights", "resolve_names", "unwrap_name"]

_WRAPPERS = {"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}
"""Attributes under which DataParallel, torch.compile and similar wrappers keep the wrapped module, at any depth."""

_TRANSFORMED = (
    (
        re.compile(r"\.(lora_\w+|base_layer|modules_to_save|original_module|ia3_l|oft_\w+|hada_\w+)(\.|$)"),
        "adapters next to the weights",
        "merge them first, with PEFT's merge_and_unload(), and save the result",
    ),
    (
        re.compile(r"\.(_packed_params|qweight|qzeros|SCB|weight_scale|absmax|quant_map)(\.|$)"),
        "quantized weights",
        'use the model before quantization, and quantize at export, with precision="int8"',
    ),
    (
        re.compile(r"\.(weight_orig|weight_mask|weight_g|weight_v|parametrizations)(\.|$)"),
        "weights that are computed from others",
        "make pruning or parametrizations permanent, with prune.remove or remove_parametrizations",
    ),
)
"""Name patterns of weights that are not stored as they are used, and the remedy for each."""

_OURS = re.compile(r"(^|\.)embeddings\.word\.weight$")

_BACKBONE_NAME = re.compile(
    r"(?P<prefix>(?:.*\.)?)(?:(?P<words>embeddings\.word_embeddings\.weight)|embeddings\.position_embeddings\.weight"
    r"|encoder\.layer\.\d+\.attention\.self\.query\.weight)"
)
"""Names that every ConvBERT has exactly once, and their prefix."""

_MAX_NAMES = 3


@dataclass(frozen=True)
class Names:
    """The names in a checkpoint.

    Attributes:
        reference: the name as stored, by the reference's name without the backbone's prefix.
        outside: names of weights outside the model: a wrapper's own, such as those of a loss.
    """

    reference: dict[str, str]
    outside: frozenset[str]


def unwrap_name(name: str) -> str:
    """The name without the attributes under which wrappers keep their module."""
    return ".".join(part for part in name.split(".") if part not in _WRAPPERS)


def resolve_names(stored: Iterable[str], source: str) -> Names:
    """Find the reference's name of every weight, for any common prefix.

    A trainer's module may keep the model under any name, and have weights of its own. The backbone's weights are
    recognized by the ends of their names; their prefix starts the names of all other weights of the model too.

    Raises:
        CheckpointError: the weights hold no ConvBERT, several, or one with adapters.
    """
    names = {name: unwrap_name(name) for name in stored}
    refuse_transformed_weights(names.values(), source)
    prefix = _backbone_prefix(names.values(), source)
    model = prefix
    while model.endswith(BACKBONE):
        model = model.removesuffix(BACKBONE)
    levels = sorted((prefix[: dot.end()] for dot in re.finditer(r"\.", prefix)), key=len, reverse=True)
    reference: dict[str, str] = {}
    outside = {name for name, own in names.items() if not own.startswith(model)}
    # The model's own names come last, so that they win over a wrapper's names with the same ending.
    for name in sorted(names, key=lambda name: name not in outside):
        own = names[name]
        short = own.removeprefix(next((level for level in levels if own.startswith(level)), ""))
        if name not in outside and reference.get(short, name) not in {name, *outside}:
            raise CheckpointError(f"{source} has {short} twice, as {reference[short]} and {name}: save one model there")
        reference[short] = name
    return Names(reference, frozenset(outside))


def _backbone_prefix(names: Iterable[str], source: str) -> str:
    names = list(names)
    matches = [match for match in map(_BACKBONE_NAME.fullmatch, names) if match]
    if not matches:
        if any(map(_OURS.search, names)):
            raise CheckpointError(
                f"{source} uses the weight names of convbert_onnx.models: write it with the model's save_pretrained"
            )
        examples = ", ".join(name[:100] for name in names[:_MAX_NAMES]) or "nothing"
        raise CheckpointError(
            f"{source} has no weights of a ConvBERT (it has {examples}): no name ends in "
            "embeddings.word_embeddings.weight; name a checkpoint that save_pretrained wrote"
        )
    prefixes = sorted({match["prefix"] for match in matches if match["words"]})
    prefixes = prefixes or sorted({match["prefix"] for match in matches})
    if len(prefixes) > 1:
        listed = ", ".join(repr(prefix[:100]) for prefix in prefixes[:_MAX_NAMES])
        raise CheckpointError(f"{source} has several models, whose names begin with {listed}: save one of them there")
    return prefixes[0]


def refuse_transformed_weights(names: Iterable[str], source: str) -> None:
    """Check that weights are stored as they are used.

    Raises:
        CheckpointError: weights have to be computed from adapters, integers or other tensors.
    """
    for name in names:
        for pattern, what, remedy in _TRANSFORMED:
            if pattern.search(name):
                raise CheckpointError(f"{source} has {what} ({name[:100]}): {remedy}")
