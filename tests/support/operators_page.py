"""Generate docs/operators.md from the table of operators: ``python tests/support/operators_page.py``."""

from pathlib import Path

from convbert_onnx.operators import DOMAIN, OPERATORS, VERSION, Operator

PAGE = Path(__file__).parents[2] / "docs" / "operators.md"

_HEAD = f"""# Custom operators

All custom operators are in the domain `{DOMAIN}`, version {VERSION}. A file that uses one contains an ONNX function of
the same name, so that any ONNX Runtime can run the file. A CPU session of this package uses the native kernel instead,
if it is installed; with `--target portable`, the export contains standard operators only. This page is generated from
the table in [`convbert_onnx/operators.py`](../convbert_onnx/operators.py). The PyTorch version of the dynamic
convolution is [`models/span_dynamic_conv.py`](../models/span_dynamic_conv.py). The function of MaskedAttention is
onnxruntime's MultiHeadAttention, in the domain `com.microsoft`.

In shapes, B is the batch size, S the sequence length, T the number of queries, H the number of heads, D the channels
per head, K the kernel size (odd) or a matmul's number of inputs, C the number of channels and G the number of groups;
`...` stands for any axes.
"""


def page() -> str:
    """The text of the page."""
    return "\n".join([_HEAD, *map(_section, OPERATORS)])


def _section(operator: Operator) -> str:
    rows = [
        (name, kind, "optional input" if name in operator.optional else "input")
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
