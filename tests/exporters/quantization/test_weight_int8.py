import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from operator_formulas import matrix_of

from convbert_onnx.exporters.quantization.weight_int8 import pack_panels, quantize_columns, unpack_panels
from convbert_onnx.runtime.sessions.cpu import cpu_of_this_machine, pairs_saturate


@given(st.integers(0, 2**32 - 1))
def test_quantize_columns_rounds_to_half_a_step(seed: int) -> None:
    random = np.random.default_rng(seed)
    weight = random.standard_normal((9, 5), np.float32) * random.choice([1e-20, 1, 1e6], 5).astype(np.float32)
    weight[:, 2] = 0
    quantized, scale = quantize_columns(weight, fit_pairs=False)
    assert np.abs(quantized.astype(int)).max() <= 127
    assert (np.abs(quantized * scale - weight) <= 0.5001 * scale).all()


@given(st.integers(0, 2**32 - 1), st.integers(1, 200))
def test_fitted_pairs_have_less_error_than_a_wider_scale(seed: int, inputs: int) -> None:
    """The error is at most that of the scale at which all pairs fit without clipping."""
    weight = np.random.default_rng(seed).standard_normal((inputs, 3), np.float32)
    weight[:, 1] = 0
    quantized, scale = quantize_columns(weight, fit_pairs=True)
    pairs = np.abs(weight[: inputs // 2 * 2].reshape(-1, 2, 3).sum(axis=1)).max(axis=0, initial=0)
    wide = np.maximum(np.maximum(np.abs(weight).max(axis=0) / 127, pairs / 127.5), 1e-9)
    plain = np.square(np.rint(weight / wide) * wide - weight).sum(axis=0)
    assert (np.square(quantized * scale - weight).sum(axis=0) <= 1.001 * plain + 1e-12).all()
    assert (quantized[:, 1] == 0).all()


@given(st.integers(0, 2**32 - 1), st.integers(1, 20), st.integers(1, 50))
def test_panels_have_the_weight_and_its_column_sums(seed: int, fours: int, columns: int) -> None:
    weight = np.random.default_rng(seed).integers(-127, 128, (4 * fours, columns), np.int8)
    panels = pack_panels(weight)
    assert panels.shape == (-(-columns // 16), fours + 1, 16, 4)
    np.testing.assert_array_equal(matrix_of(panels, columns), weight)
    np.testing.assert_array_equal(unpack_panels(panels, columns), weight)
    sums = np.ascontiguousarray(panels[:, 0]).view("<i4").ravel()
    np.testing.assert_array_equal(sums[:columns], weight.sum(axis=0, dtype=np.int32))
    assert not sums[columns:].any()


def saturating(rows: NDArray[np.uint8], weight: NDArray[np.int8]) -> NDArray[np.int64]:
    """The matmul as x86 without VNNI computes it: pairs of products are added in 16 bits, which saturate."""
    products = rows.astype(np.int64)[:, :, None] * weight.astype(np.int64)[None]
    pairs = products.reshape(len(rows), -1, 2, weight.shape[1]).sum(axis=2)
    return np.asarray(np.clip(pairs, -(2**15), 2**15 - 1).sum(axis=1))


def worst_rows(weight: NDArray[np.int8]) -> NDArray[np.uint8]:
    """For each column the rows with the largest and the smallest sum."""
    return np.concatenate([255 * (weight > 0), 255 * (weight < 0)], axis=1).T.astype(np.uint8)


def weights(seed: int, inputs: int, kind: str) -> NDArray[np.float32]:
    random = np.random.default_rng(seed)
    weight = random.standard_normal((inputs, 6), np.float32)
    return np.sign(weight) if kind == "signs" else np.round(weight, 1) if kind == "tenths" else weight


@given(st.integers(0, 2**32 - 1), st.integers(1, 70), st.sampled_from(["normal", "signs", "tenths"]))
def test_fitted_pairs_never_saturate(seed: int, inputs: int, kind: str) -> None:
    quantized, _ = quantize_columns(weights(seed, inputs, kind), fit_pairs=True)
    even = np.pad(quantized, ((0, inputs % 2), (0, 0)))
    rows = worst_rows(even)
    np.testing.assert_array_equal(saturating(rows, even), rows.astype(np.int64) @ even.astype(np.int64))


def test_pairs_saturate_without_fitting() -> None:
    quantized, scale = quantize_columns(weights(0, 64, "normal"), fit_pairs=False)
    rows = worst_rows(quantized)
    assert (saturating(rows, quantized) != rows.astype(np.int64) @ quantized.astype(np.int64)).any()
    _, wider = quantize_columns(weights(0, 64, "normal"), fit_pairs=True)
    assert (scale <= wider).all()
    assert 1 < (wider / scale).mean() < 1.3


@pytest.mark.parametrize("kind", ["normal", "signs"])
@pytest.mark.parametrize(("inputs", "outputs"), [(64, 16), (770, 33), (1536, 256)])
def test_matmul_integer_is_exact_on_this_machine(inputs: int, outputs: int, kind: str) -> None:
    weight = np.concatenate([weights(seed, inputs, kind) for seed in range(-(-outputs // 6))], axis=1)[:, :outputs]
    quantized, _ = quantize_columns(weight, pairs_saturate(cpu_of_this_machine()))
    rows = worst_rows(quantized)
    model = ir.from_onnx_text(
        '<ir_version: 8, opset_import: ["" : 18]> g (uint8[N, K] a, int8[K, M] b) => (int32[N, M] y) '
        "{ y = MatMulInteger (a, b) }"
    )
    session = onnxruntime.InferenceSession(ir.to_proto(model).SerializeToString())
    for count in (1, 3, len(rows)):
        (product,) = session.run(None, {"a": rows[:count], "b": quantized})
        np.testing.assert_array_equal(product, rows[:count].astype(np.int64) @ quantized.astype(np.int64))
