"""What a graph edit is, and how one that replaces a pattern is made."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import onnx_ir as ir
from onnxscript.rewriter import RewriteRuleSet
from onnxscript.rewriter.pattern import RewriteRule

from convbert_onnx.config import ConvBertConfig

__all__ = ["Edit", "Outcome", "replacing_patterns"]


@dataclass(frozen=True)
class Outcome:
    """Where an edit applied, or why it did not.

    Attributes:
        places: how often it applied.
        why_not: the reason, where that is never.
    """

    places: int
    why_not: str = ""

    def __str__(self) -> str:
        places = "1 place" if self.places == 1 else f"{self.places} places"
        return places if self.places else f"not applied: {self.why_not}"


@dataclass(frozen=True)
class Edit:
    """A change of a graph that computes the same with less work.

    Attributes:
        name: the edit's name in the export record.
        purpose: what it does, in one sentence.
        apply: changes the graph; gives its outcome.
        portable: whether what it leaves, with our operators spelled out, is standard ONNX.
    """

    name: str
    purpose: str
    apply: Callable[[ir.Model, ConvBertConfig], Outcome]
    portable: bool = True


def replacing_patterns(
    rules: Sequence[RewriteRule], why_not: Callable[[ConvBertConfig], str]
) -> Callable[[ir.Model, ConvBertConfig], Outcome]:
    """An edit's ``apply`` that rewrites whatever one of the rules matches."""

    def apply(model: ir.Model, config: ConvBertConfig) -> Outcome:
        places = RewriteRuleSet(list(rules), commute=True).apply_to_model(model)
        return Outcome(places, "" if places else why_not(config))

    return apply
