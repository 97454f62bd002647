from edit_graphs import Case, check_edit

from convbert_onnx.exporters.edits.fold_weights import EDIT

FOLD = """
    turned = Transpose <perm = [1, 0]> (w)
    y = MatMul (x, turned)
"""


def test_fold_weights_keeps_results_and_ignores_lookalikes() -> None:
    check_edit(EDIT, Case(FOLD, {"MatMul": 1}, FOLD.replace("(w)", "(w2)") + "unused = Gather (w2, flat)"))
