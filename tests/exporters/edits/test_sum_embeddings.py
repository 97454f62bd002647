from edit_graphs import Case, check_edit

from convbert_onnx.exporters.edits.sum_embeddings import EDIT

EMBEDDINGS = """
    types = Neg (x)
    both = Add (x, types)
    total = Add (both, gamma)
    y = LayerNormalization <axis = -1, epsilon = 0.001> (total, gamma, b)
"""


def test_sum_embeddings_keeps_results_and_ignores_lookalikes() -> None:
    check_edit(
        EDIT,
        Case(EMBEDDINGS, {"Neg": 1, "Sum": 1, "LayerNormalization": 1}, EMBEDDINGS.replace("Add (both", "Mul (both")),
    )
