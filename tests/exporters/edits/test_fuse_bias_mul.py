from edit_graphs import Case, check_edit

from convbert_onnx.exporters.edits.fuse_bias_mul import EDIT

MUL = """
    product = MatMul (x, w)
    biased = Add (product, b)
    other = Neg (x)
    y = Mul (biased, other)
"""


def test_fuse_bias_mul_keeps_results_and_ignores_lookalikes() -> None:
    check_edit(EDIT, Case(MUL, {"MatMul": 1, "BiasMul": 1, "Neg": 1}, MUL.replace("(biased, other)", "(biased, half)")))
