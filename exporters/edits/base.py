"""The type of graph edits, and edits that replace patterns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import onnx_ir as ir
from onnxscript.rewriter import RewriteRuleSet
from onnxscript.rewriter.pattern import RewriteRule

from convbert_onnx.config import ConvBertConfig

__all__ = ["Edit", "Outcome", "replacing_patterns"]


@dataclass(frozen=True)
class Outcome:
    """How often an edit applied, or why it did not.

    Attributes:
        places: number of places where it applied.
        why_not: the reason where it applied nowhere.
    """

    places: int
    why_not: str = ""

    def __str__(self) -> str:
        places = "1 place" if self.places == 1 else f"{self.places} places"
        return places if self.places else f"not applied: {self.why_not}"


@dataclass(frozen=True)
class Edit:
    """A change of a graph that computes the same results with less work. The docstring of its module describes it.

    Attributes:
        name: the edit's name in the export record.
        apply: changes the graph, and returns the outcome.
        portable: whether the graph is standard ONNX afterwards, once our operators are inlined.
    """

    name: str
    apply: Callable[[ir.Model, ConvBertConfig], Outcome]
    portable: bool = True


def replacing_patterns(
    rules: Sequence[RewriteRule], why_not: Callable[[ConvBertConfig], str]
) -> Callable[[ir.Model, ConvBertConfig], Outcome]:
    """An edit's ``apply`` that rewrites every match of the rules.

    Args:
        rules: patterns and their replacements.
        why_not: the reason to give for a model of this config where nothing matches.
    """

    def apply(model: ir.Model, config: ConvBertConfig) -> Outcome:
        places = RewriteRuleSet(list(rules), commute=True).apply_to_model(model)
        return Outcome(places, "" if places else why_not(config))

    return apply
