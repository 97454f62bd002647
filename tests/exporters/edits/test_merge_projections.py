from edit_graphs import NORM, Case, check_edit

from convbert_onnx.exporters.edits.merge_projections import EDIT

LINEARS = """
    product = MatMul (x, w)
    biased = Add (product, b)
    second = MatMul (x, w2)
    biased2 = Add (second, gamma)
    third = MatMul (x, w)
    biased3 = Add (third, gamma)
    fourth = MatMul (x, w2)
    biased4 = Add (fourth, b)
    sum = Add (biased, biased2)
    difference = Sub (biased3, biased4)
    y = Mul (sum, difference)
"""


def test_merge_projections_keeps_results_and_ignores_lookalikes() -> None:
    check_edit(
        EDIT, Case(LINEARS, {"MatMul": 1, "BiasSplit": 1, "Add": 1, "Sub": 1, "Mul": 1}, f"other = Neg (x) {NORM}")
    )


def test_merge_projections_splits_layers_of_other_numbers_by_their_widths() -> None:
    two = LINEARS[: LINEARS.index("third")] + "y = Add (biased, biased2)"
    check_edit(EDIT, Case(two, {"MatMul": 1, "Split": 1, "Add": 2}, NORM))
