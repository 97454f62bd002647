from edit_graphs import Case, check_edit

from convbert_onnx.exporters.edits.fuse_attention import EDIT

ATTENTION = """
    column = Constant <value = int64[2] {1, 2}> ()
    unsqueezed = Unsqueeze (mask, column)
    real = Cast <to = 1> (unsqueezed)
    unreal = Sub (one, real)
    added = Mul (unreal, lowest)
    q4 = Reshape (x, by_head)
    q = Transpose <perm = [0, 2, 1, 3]> (q4)
    x2 = Mul (x, half)
    k4 = Reshape (x2, by_head)
    k = Transpose <perm = [0, 2, 3, 1]> (k4)
    x3 = Neg (x)
    v4 = Reshape (x3, by_head)
    v = Transpose <perm = [0, 2, 1, 3]> (v4)
    products = MatMul (q, k)
    scores = Div (products, root_size)
    masked = Add (scores, added)
    probabilities = Softmax <axis = -1> (masked)
    context = MatMul (probabilities, v)
    turned = Transpose <perm = [0, 2, 1, 3]> (context)
    y = Reshape (turned, flat)
"""


def test_fuse_attention_keeps_results_and_ignores_lookalikes() -> None:
    check_edit(
        EDIT, Case(ATTENTION, {"MaskedAttention": 1, "Mul": 1, "Neg": 1}, ATTENTION.replace("root_size", "half"))
    )
