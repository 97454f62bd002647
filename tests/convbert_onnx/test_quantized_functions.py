"""Function bodies of the quantized operators."""

from convbert_onnx.quantized_functions import grouped_matmul, matmul, quantized


def test_quantized_defines_the_rows_and_the_named_scale() -> None:
    lines = quantized("hidden", "hidden_scale")
    assert "magnitude = Abs (hidden)" in lines
    assert "hidden_scale = Div (safe, largest_byte)" in lines
    assert lines[-1] == "quantized = Cast <to = 2> (shifted)"


def test_matmul_passes_its_result_to_the_other_operator() -> None:
    lines = matmul(["scale", "bias"], ["output"], "domain.Op", ["epsilon: float = @epsilon"])
    assert "product = MatMulInteger (rows, product_matrix, zero)" in lines
    assert lines[-1] == "output = domain.Op <epsilon: float = @epsilon> (product, scale, bias)"


def test_grouped_matmul_multiplies_each_group_and_joins_the_results() -> None:
    lines = grouped_matmul(["bias"], ["output"], "domain.Op", [], groups=3)
    matmuls = [line for line in lines if "MatMulInteger" in line]
    assert matmuls == [f"product_{g} = MatMulInteger (rows_{g}, product_{g}_matrix, zero)" for g in range(3)]
    assert "product = Concat <axis = -1> (product_0, product_1, product_2)" in lines
    assert lines[-1] == "output = domain.Op (product, bias)"
