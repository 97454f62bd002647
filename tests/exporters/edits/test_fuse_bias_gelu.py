from dataclasses import replace

from edit_graphs import CONFIG, Case, build_graph, check_edit

from convbert_onnx.exporters.edits.fuse_bias_gelu import EDIT

GELU = """
    biased = Add (x, b)
    scaled = Div (biased, root)
    erf = Erf (scaled)
    doubled = Add (erf, one)
    halved = Mul (half, doubled)
    y = Mul (biased, halved)
"""


def test_fuse_bias_gelu_keeps_results_and_ignores_lookalikes() -> None:
    check_edit(EDIT, Case(GELU, {"BiasGelu": 1}, GELU.replace("(biased, root)", "(biased, half)")))


def test_fuse_bias_gelu_names_the_other_activation() -> None:
    config = replace(CONFIG, hidden_act="relu")
    assert "hidden_act is relu" in str(EDIT.apply(build_graph(GELU.replace("Erf", "Tanh")), config))
