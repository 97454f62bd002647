"""Names of weights as wrapped models save them, brought back to the reference's."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from convbert_onnx.errors import CheckpointError
from convbert_onnx.models.weights import BACKBONE

__all__ = ["Names", "find_names", "refuse_changed", "unwrapped"]

_WRAPPERS = {"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}
"""Attributes in which DataParallel, torch.compile and the like keep the module that they wrap, at any depth."""

_CHANGED = (
    (
        re.compile(r"\.(lora_\w+|base_layer|modules_to_save|original_module|ia3_l|oft_\w+|hada_\w+)(\.|$)"),
        "adapters beside the weights",
        "merge them first, with PEFT's merge_and_unload(), and save the result",
    ),
    (
        re.compile(r"\.(_packed_params|qweight|qzeros|SCB|weight_scale|absmax|quant_map)(\.|$)"),
        "quantized weights",
        "take the model before quantization; an export can be quantized itself, with --precision int8",
    ),
    (
        re.compile(r"\.(weight_orig|weight_mask|weight_g|weight_v|parametrizations)(\.|$)"),
        "weights that are computed from others",
        "make pruning or parametrizations permanent, with prune.remove or remove_parametrizations",
    ),
)
"""What names say when weights are not stored as they are used, and what to do."""

_OURS = re.compile(r"(^|\.)embeddings\.word\.weight$")

_BACKBONE_NAME = re.compile(
    r"(?P<prefix>(?:.*\.)?)(?:(?P<words>embeddings\.word_embeddings\.weight)|embeddings\.position_embeddings\.weight"
    r"|encoder\.layer\.\d+\.attention\.self\.query\.weight)"
)
"""Names that every ConvBERT has once, and what stands before them."""

_LISTED = 3


@dataclass(frozen=True)
class Names:
    """The names in a checkpoint.

    Attributes:
        reference: the name as stored, by the reference's name without the backbone's prefix.
        outside: names beside the model: a wrapper's own weights, such as those of a loss.
    """

    reference: dict[str, str]
    outside: frozenset[str]


def unwrapped(name: str) -> str:
    """The name without the attributes in which a wrapper keeps its module."""
    return ".".join(part for part in name.split(".") if part not in _WRAPPERS)


def find_names(stored: Iterable[str], source: str) -> Names:
    """The reference's name of every weight, whatever prefix all names have.

    A trainer's module may keep the model under any name, and have weights of its own beside it. The backbone's names
    are found by their ends; what stands before them is the prefix of all others too, or the beginning of it.

    Raises:
        CheckpointError: there is no ConvBERT among the weights, or more than one, or one with adapters.
    """
    names = {name: unwrapped(name) for name in stored}
    refuse_changed(names.values(), source)
    prefix = _backbone_prefix(names.values(), source)
    model = prefix
    while model.endswith(BACKBONE):
        model = model.removesuffix(BACKBONE)
    levels = sorted((prefix[: dot.end()] for dot in re.finditer(r"\.", prefix)), key=len, reverse=True)
    reference: dict[str, str] = {}
    outside = {name for name, own in names.items() if not own.startswith(model)}
    # The model's own names come last: they count before a wrapper's of the same ending.
    for name in sorted(names, key=lambda name: name not in outside):
        own = names[name]
        short = own.removeprefix(next((level for level in levels if own.startswith(level)), ""))
        if name not in outside and reference.get(short, name) not in {name, *outside}:
            raise CheckpointError(f"{source} has {short} twice, as {reference[short]} and {name}: save one model there")
        reference[short] = name
    return Names(reference, frozenset(outside))


def _backbone_prefix(names: Iterable[str], source: str) -> str:
    names = list(names)
    found = [match for match in map(_BACKBONE_NAME.fullmatch, names) if match]
    if not found:
        if any(map(_OURS.search, names)):
            raise CheckpointError(
                f"{source} has the names of convbert_onnx.models: write the model with its save_pretrained instead"
            )
        examples = ", ".join(name[:100] for name in names[:_LISTED]) or "nothing"
        raise CheckpointError(
            f"{source} has no weights of a ConvBERT (it has {examples}): no name ends in "
            "embeddings.word_embeddings.weight; name a checkpoint that save_pretrained wrote"
        )
    prefixes = sorted({match["prefix"] for match in found if match["words"]})
    prefixes = prefixes or sorted({match["prefix"] for match in found})
    if len(prefixes) > 1:
        listed = ", ".join(repr(prefix[:100]) for prefix in prefixes[:_LISTED])
        raise CheckpointError(f"{source} has several models, whose names begin with {listed}: save one of them there")
    return prefixes[0]


def refuse_changed(names: Iterable[str], source: str) -> None:
    """Make sure that weights are stored as they are used.

    Raises:
        CheckpointError: they are to be computed from adapters, integers or other tensors.
    """
    for name in names:
        for pattern, what, remedy in _CHANGED:
            if pattern.search(name):
                raise CheckpointError(f"{source} has {what} ({name[:100]}): {remedy}")
