"""Write docs/operators.md from the table of operators: python tests/support/operators_page.py."""

from pathlib import Path

from convbert_onnx.operators import DOMAIN, OPERATORS, VERSION, Operator

PAGE = Path(__file__).parents[2] / "docs" / "operators.md"

_HEAD = f"""# Our operators

All live in the domain `{DOMAIN}`, version {VERSION}. A file that uses one carries an ONNX function of the same name, so
any ONNX Runtime runs the file as it is; a CPU session of ours takes the native kernel instead where it is installed,
and `--target portable` spells the operators out in standard ones at export. They stand in one table,
[`convbert_onnx/operators.py`](../convbert_onnx/operators.py), of which this page is made; in PyTorch, the dynamic
convolution is [`models/span_dynamic_conv.py`](../models/span_dynamic_conv.py). The function of MaskedAttention is
onnxruntime's own MultiHeadAttention, in the domain `com.microsoft`.

Shapes are letters: B batch, S sequence, T queries, H heads, D channels of a head, K kernel size (odd) or inputs of a
product, C channels, G groups of them; `...` is any number of axes.
"""


def page() -> str:
    """The text of the page."""
    return "\n".join([_HEAD, *map(_section, OPERATORS)])


def _section(operator: Operator) -> str:
    rows = [
        (name, kind, "input, may be left out" if name in operator.optional else "input")
        for name, kind in operator.inputs.items()
    ]
    rows += [(name, kind, "output") for name, kind in operator.outputs.items()]
    rows += [(name, kind, "attribute") for name, kind in operator.attributes.items()]
    table = "\n".join(f"| `{name}` | {kind} | {role} |" for name, kind, role in rows)
    formula = operator.formula.replace("; ", "\n    ")
    return (
        f"## {operator.name}\n\n{operator.purpose}\n\n    {formula}\n\n"
        f"| name | type and shape | |\n|---|---|---|\n{table}\n"
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
