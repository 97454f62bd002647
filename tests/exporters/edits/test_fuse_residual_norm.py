from edit_graphs import NORM, Case, check_edit

from convbert_onnx.exporters.edits.fuse_residual_norm import EDIT


def test_fuse_residual_norm_keeps_results_and_ignores_lookalikes() -> None:
    check_edit(EDIT, Case(NORM, {"MatMul": 1, "AddLayerNorm": 1}, NORM.replace("(x, biased)", "(x, x)")))
