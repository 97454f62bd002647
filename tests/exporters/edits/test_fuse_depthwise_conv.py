from edit_graphs import CONFIG, Case, build_graph, check_edit

from convbert_onnx.exporters.edits.fuse_depthwise_conv import EDIT

CONV = """
    axis = Constant <value = int64[1] {2}> ()
    column = Unsqueeze (mask, axis)
    real = Cast <to = 9> (column)
    seen = Where (real, x, zero)
    first = Transpose <perm = [0, 2, 1]> (seen)
    convolved = Conv <group = 8, pads = [1, 1], kernel_shape = [3]> (first, kernel)
    y = Transpose <perm = [0, 2, 1]> (convolved)
"""


def test_fuse_depthwise_conv_keeps_results_and_ignores_lookalikes() -> None:
    check_edit(EDIT, Case(CONV, {"DepthwiseConv": 1}, CONV.replace("pads = [1, 1]", "pads = [2, 0]")))


def test_fuse_depthwise_conv_applies_without_a_mask() -> None:
    unmasked = CONV[CONV.index("first") :].replace("(seen)", "(x)")
    check_edit(EDIT, Case(unmasked, {"DepthwiseConv": 1}, unmasked.replace("group = 8", "group = 1")))


def test_fuse_depthwise_conv_reads_the_mask() -> None:
    model = build_graph(CONV)
    EDIT.apply(model, CONFIG)
    (node,) = (node for node in model.graph if node.op_type == "DepthwiseConv")
    assert [value.name for value in node.inputs if value is not None] == ["x", "kernel.channels_last", "mask"]
