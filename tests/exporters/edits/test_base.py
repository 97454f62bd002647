import onnx_ir as ir
import pytest
from edit_graphs import CONFIG, build_graph
from onnxscript.rewriter.pattern import RewriteRule

from convbert_onnx.exporters.edits.base import Outcome, replacing_patterns


@pytest.mark.parametrize(
    ("outcome", "text"),
    [(Outcome(1), "1 place"), (Outcome(3), "3 places"), (Outcome(0, "no Gelu"), "not applied: no Gelu")],
)
def test_an_outcome_as_text(outcome: Outcome, text: str) -> None:
    assert str(outcome) == text


def test_replacing_patterns_counts_places_or_explains() -> None:
    rule = RewriteRule(lambda op, value: op.Neg(op.Neg(value)), lambda op, value: op.Identity(value))
    apply = replacing_patterns([rule], lambda config: f"nothing is negated twice (hidden_act is {config.hidden_act})")

    def outcome(body: str) -> tuple[Outcome, list[str]]:
        model: ir.Model = build_graph(body)
        return apply(model, CONFIG), [node.op_type for node in model.graph]

    twice = "a = Neg (x) b2 = Neg (a) c = Exp (b2) d = Neg (c) y = Neg (d)"
    assert outcome(twice) == (Outcome(2), ["Identity", "Exp", "Identity"])
    assert outcome("y = Neg (x)") == (Outcome(0, "nothing is negated twice (hidden_act is gelu)"), ["Neg"])
