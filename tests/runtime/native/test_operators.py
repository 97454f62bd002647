"""The native kernels, compared with the formulas of the operators and with their ONNX functions."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from one_node import one_node
from operator_formulas import (
    FILE_SIZES,
    FORMULAS,
    VECTORS,
    Sizes,
    assert_close,
    example,
    operator_file_name,
    panels_of,
)

from convbert_onnx.operators import OPERATORS, Operator
from convbert_onnx.runtime.sessions.kernels import ISA_VARIABLE, LIBRARY, available_isas, has_int8_matmuls, signatures

pytestmark = pytest.mark.skipif(not LIBRARY.is_file(), reason="the native kernels are not built")

Feed = dict[str, NDArray[Any]]
Results = list[NDArray[Any]]

HAS_INT8_MATMULS = LIBRARY.is_file() and has_int8_matmuls()
HERE = [operator for operator in OPERATORS if "rows" not in operator.inputs or HAS_INT8_MATMULS]
CASES = [(operator, masked) for operator in HERE for masked in ([False, True] if operator.optional else [False])]
WITH_MASK = [operator for operator in OPERATORS if operator.optional]
ISAS = available_isas() if LIBRARY.is_file() else []
# Lengths from 1, some shorter than the kernel; no multiples of tiles or vectors; even and odd kernel sizes.
SHAPES = [
    (batch, length, Sizes(*sizes))
    for batch, length, *sizes in (
        (1, 1, 1, 1, 1),
        (2, 1, 3, 5, 9),
        (1, 2, 2, 8, 9),
        (3, 7, 1, 13, 4),
        (2, 17, 5, 3, 3),
        (1, 33, 6, 64, 9),
        (2, 40, 2, 7, 2),
        (1, 65, 3, 16, 8),
        (4, 5, 12, 9, 7),
        (1, 3, 1, 257, 6),
        (1, 6, 70, 2, 127),
        (2, 150, 4, 48, 9),
        (3, 130, 2, 33, 5),
    )
]


def has_quantized_output(operator: Operator) -> bool:
    return any(declared.startswith("uint8") for declared in operator.outputs.values())


def case_id(case: object) -> str:
    return case.name if isinstance(case, Operator) else str(case)


every_operator = pytest.mark.parametrize(("operator", "masked"), CASES, ids=case_id)
every_isa = pytest.mark.parametrize("isa", ISAS)


def session(model: bytes | Path, native: bool = True, threads: int = 1) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    if native:
        options.register_custom_ops_library(str(LIBRARY))
    return onnxruntime.InferenceSession(model if isinstance(model, bytes) else str(model), options)


def kernel(operator: Operator, feed: Feed, attributes: dict[str, int | float], between: str | None = None) -> bytes:
    """A model that only the kernel can run, because it has no function."""
    axes = {
        name: array.shape if name in VECTORS else [f"{name}{i}" for i in range(array.ndim)]
        for name, array in feed.items()
    }
    return one_node(operator.name, axes, list(operator.outputs), attributes, between=between)


def run(operator: Operator, feed: Feed, attributes: dict[str, int | float], threads: int = 1) -> Results:
    outputs: Results = session(kernel(operator, feed, attributes), threads=threads).run(None, feed)
    return outputs


def assert_same_bits(ours: NDArray[Any], others: NDArray[Any]) -> None:
    np.testing.assert_array_equal(ours.view(np.uint8), others.view(np.uint8))


def test_signatures_match_the_operator_table() -> None:
    expected = []
    for operator in OPERATORS:
        inputs = ", ".join(f"{name}?" if name in operator.optional else name for name in operator.inputs)
        attributes = ", ".join(f"{name}: {kind}" for name, kind in operator.attributes.items())
        head = f"{inputs}; {attributes}" if attributes else inputs
        expected.append(f"{operator.name}({head}) -> {', '.join(operator.outputs)}")
    assert signatures() == expected


@every_isa
@every_operator
@pytest.mark.parametrize(("batch", "length", "sizes"), SHAPES, ids=str)
def test_kernel_computes_the_formula(
    operator: Operator, masked: bool, batch: int, length: int, sizes: Sizes, isa: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ISA_VARIABLE, isa)
    feed, attributes = example(operator.name, batch, length, **sizes._asdict(), masked=masked)
    assert_close(run(operator, feed, attributes, threads=2), FORMULAS[operator.name](feed, attributes))


@every_operator
def test_comparison_detects_a_shifted_input(operator: Operator, masked: bool) -> None:
    feed, attributes = example(operator.name, 2, 17, masked=masked)
    first = next(iter(feed))
    shifted = feed | {first: np.roll(feed[first], 1, axis=1)}
    with pytest.raises(AssertionError):
        assert_close(run(operator, shifted, attributes), FORMULAS[operator.name](feed, attributes), tolerance=0.05)


@every_isa
@every_operator
@pytest.mark.parametrize("sizes", FILE_SIZES, ids=str)
def test_kernel_agrees_with_the_function(
    operator: Operator, masked: bool, sizes: Sizes, isa: str, operator_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ISA_VARIABLE, isa)
    file = operator_files / operator_file_name(operator.name, masked, sizes)
    native, fallback = session(file), session(file, native=False)
    for batch, length in ((1, 1), (2, 3), (1, 16), (3, 29), (2, 128)):
        feed, _ = example(operator.name, batch, length, **sizes._asdict(), masked=masked)
        for factor in (1e-30, 1e-3, 1, 30):
            # Attention scores become exponents, and large exponents lose relative precision.
            floats = {name: array for name, array in feed.items() if array.dtype == np.float32}
            scaled = feed | {name: factor * array for name, array in floats.items() if name not in ("query", "key")}
            assert_close(native.run(None, scaled), fallback.run(None, scaled), tolerance=1e-5)


@every_isa
@every_operator
def test_nan_and_infinity_propagate_as_in_the_function(
    operator: Operator, masked: bool, isa: str, operator_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ISA_VARIABLE, isa)
    sizes = FILE_SIZES[2]
    file = operator_files / operator_file_name(operator.name, masked, sizes)
    native, fallback = session(file), session(file, native=False)
    clean, _ = example(operator.name, 2, 19, **sizes._asdict(), masked=masked)
    for name, array in clean.items():
        if array.ndim < 3 or array.dtype != np.float32:
            continue
        for value in (np.nan, np.inf, -np.inf):
            feed = clean | {name: array.copy()}
            feed[name][1, 4, -1] = value
            results = dict(zip(operator.outputs, native.run(None, feed), strict=True))
            scale = results.get("output_scale", results.get("scale"))
            finite = np.full((2, 19), True)
            if scale is not None:
                # Quantized values mean nothing if the scale is not finite. The scale of the function can be finite in
                # spite of a NaN, which onnxruntime's ReduceMax ignores.
                finite = np.isfinite(scale[..., 0])
                assert finite[0].all() and not finite.all()
            for ours, theirs in zip(results.values(), fallback.run(None, feed), strict=True):
                one, other = ours[finite].astype(float), theirs[finite].astype(float)
                np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5, err_msg=f"{name} {value}")
                assert np.isfinite(ours[0]).all()


@every_isa
def test_gelu_of_extreme_values(isa: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ISA_VARIABLE, isa)
    (operator,) = (operator for operator in OPERATORS if operator.name == "BiasGelu")
    product = np.array([[np.inf, -np.inf, np.nan, -1e30, 1e30, 0, -0.0, 1e-40, -1e-40, -6, -7]], np.float32)
    (output,) = run(operator, {"product": product, "bias": np.zeros(product.shape[1], np.float32)}, {})
    np.testing.assert_allclose(output, [[np.inf, np.nan, np.nan, 0, 1e30, 0, 0, 5e-41, -5e-41, 0, 0]], atol=1e-8)


@every_isa
def test_gelu_keeps_relative_precision_of_small_results(isa: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ISA_VARIABLE, isa)
    (operator,) = (operator for operator in OPERATORS if operator.name == "BiasGelu")
    product = np.linspace(-5, 8, 100_000, dtype=np.float32)[None]
    feed: Feed = {"product": product, "bias": np.zeros(product.shape[1], np.float32)}
    (expected,) = FORMULAS["BiasGelu"](feed, {})
    np.testing.assert_allclose(run(operator, feed, {})[0], expected, rtol=2e-5, atol=0)


def test_large_kernel_logits_give_all_weight_to_one_value() -> None:
    (operator,) = (operator for operator in OPERATORS if operator.name == "SpanDynamicConv")
    feed, attributes = example(operator.name, 1, 30)
    for factor in (1e4, 1e30, 1e38):
        logits = np.clip(feed["kernel_logits"], -3, 3) * np.float32(factor)
        logits[0, 3, 2] = -np.inf
        extreme = feed | {"kernel_logits": logits}
        assert_close(run(operator, extreme, attributes), FORMULAS[operator.name](extreme, attributes))


@every_isa
@pytest.mark.parametrize("operator", WITH_MASK, ids=case_id)
def test_masked_values_do_not_affect_the_output(operator: Operator, isa: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ISA_VARIABLE, isa)
    feed, attributes = example(operator.name, 2, 26, masked=True)
    seen = ["key", "value"] if "key" in feed else [next(iter(feed))]
    clean = run(operator, feed, attributes)[0]
    for value in (np.nan, np.inf, 3e38):
        for name in seen:
            feed[name][1, 13:] = value
        assert_same_bits(run(operator, feed, attributes)[0], clean)


def test_mask_may_have_gaps_and_any_nonzero_value() -> None:
    for operator in WITH_MASK:
        feed, attributes = example(operator.name, 3, 41, masked=True)
        feed["mask"][:] = np.random.default_rng(0).integers(-1, 2, feed["mask"].shape)
        assert_close(run(operator, feed, attributes), FORMULAS[operator.name](feed, attributes))


@every_isa
def test_attention_of_extreme_scores(isa: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ISA_VARIABLE, isa)
    (operator,) = (operator for operator in OPERATORS if operator.name == "MaskedAttention")
    feed, attributes = example(operator.name, 3, 37, heads=2, channels=20, masked=True)
    feed["mask"][1] = 0
    feed["mask"][2] = np.arange(37) == 30
    for factor in (1, 1e2, 1e15):
        extreme = feed | {name: feed[name] * np.float32(factor) for name in ("query", "key")}
        (output,) = run(operator, extreme, attributes)
        assert_close([output], FORMULAS[operator.name](extreme, attributes), tolerance=3e-5)
        assert_close([output[1]], [np.tile(feed["value"][1].mean(axis=0), (37, 1))])
        assert_same_bits(output[2], np.tile(feed["value"][2, 30], (37, 1)))


@every_isa
@pytest.mark.parametrize("masked", [False, True])
def test_attention_of_a_query_does_not_depend_on_other_queries(
    masked: bool, isa: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ISA_VARIABLE, isa)
    (operator,) = (operator for operator in OPERATORS if operator.name == "MaskedAttention")
    feed, attributes = example(operator.name, 3, 140, masked=masked)
    (expected,) = run(operator, feed, attributes)
    for some in (np.s_[:1], np.s_[7:27], np.s_[::2]):
        (output,) = run(operator, feed | {"query": feed["query"][:, some]}, attributes)
        assert_same_bits(output, np.ascontiguousarray(expected[:, some]))
    more = np.concatenate([feed["query"]] * 2, axis=1)
    (output,) = run(operator, feed | {"query": more}, attributes)
    assert_same_bits(output, np.concatenate([expected] * 2, axis=1))
    nothing = {name: array if name == "query" else array[:, :0] for name, array in feed.items()}
    assert not run(operator, nothing, attributes)[0].any()


@every_isa
def test_attention_of_a_long_text_does_not_depend_on_its_batch(isa: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ISA_VARIABLE, isa)
    (operator,) = (operator for operator in OPERATORS if operator.name == "MaskedAttention")
    feed, attributes = example(operator.name, 7, 430, heads=3, channels=24)
    kept = np.sort(np.random.default_rng(0).permutation(430)[:281])
    feed["mask"] = np.zeros((7, 430), np.int64)
    feed["mask"][:, kept] = 1
    (together,) = run(operator, feed, attributes, threads=2)
    alone = {name: array[5:6, kept] for name, array in feed.items()}
    for row in (alone, {name: array for name, array in alone.items() if name != "mask"}):
        assert_same_bits(run(operator, row, attributes)[0], together[5:6, kept])


@every_isa
@every_operator
def test_a_row_has_the_same_bits_in_any_batch(
    operator: Operator, masked: bool, isa: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ISA_VARIABLE, isa)
    feed, attributes = example(operator.name, 9, 75, heads=6, channels=63, size=9, masked=masked)
    together = run(operator, feed, attributes, threads=1)
    for ours, others in zip(run(operator, feed, attributes, threads=2), together, strict=True):
        assert_same_bits(ours, others)
    for row, length in ((0, 75), (1, 37), (5, 37)):
        end = length if masked else 75
        alone = {
            name: array[row : row + 1, :end] if array.shape[:1] == (9,) and name != "weight" else array
            for name, array in feed.items()
        }
        alone.pop("mask", None)
        for ours, others in zip(run(operator, alone, attributes), together, strict=True):
            assert_same_bits(ours, others[row : row + 1, :end])


@every_operator
def test_instruction_sets_with_fma_give_the_same_bits(
    operator: Operator, masked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for batch, length, sizes in ((2, 17, Sizes(3, 9, 9)), (1, 33, Sizes(6, 64, 9)), (2, 70, Sizes(2, 33, 5))):
        feed, attributes = example(operator.name, batch, length, **sizes._asdict(), masked=masked)
        results = {}
        for isa in ISAS:
            monkeypatch.setenv(ISA_VARIABLE, isa)
            results[isa] = run(operator, feed, attributes)
        results.pop("baseline", None)
        first, *others = results.values()
        for other in others:
            for one, same in zip(first, other, strict=True):
                assert_same_bits(one, same)


def halved(weight: NDArray[np.int8]) -> NDArray[np.int8]:
    """Halve a weight, so that 255 times the sum of a pair fits into 16 bits."""
    return (weight // 2).astype(np.int8)


@every_isa
@pytest.mark.skipif(not HAS_INT8_MATMULS, reason="onnxruntime's int8 matmuls are faster here")
@pytest.mark.parametrize("zero_point", [0, 16, 128, 255])
@pytest.mark.parametrize(("rows", "inputs", "columns"), [(1, 4, 1), (5, 64, 33), (13, 772, 50), (40, 516, 32)])
def test_int8_matmuls_are_exact(
    rows: int, inputs: int, columns: int, zero_point: int, isa: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exact int32 sums, with weights whose pairs saturate in 16 bits and weights whose pairs do not."""
    monkeypatch.setenv(ISA_VARIABLE, isa)
    random = np.random.default_rng(rows)
    wide = random.choice(np.array([-127, 127, 126], np.int8), (inputs, columns))
    # Rows with the largest and the smallest sums, and random ones.
    extreme = np.concatenate([255 * (wide > 0), 255 * (wide < 0)], axis=1).T.astype(np.uint8)
    quantized = np.concatenate([extreme, random.integers(0, 256, (rows, inputs), np.uint8)])[-rows - 2 :]
    ones = np.ones(columns, np.float32)
    for weight, constant in ((wide, True), (halved(wide), True), (wide, False)):
        panels = panels_of(weight)
        feed: Feed = {"rows": quantized, "weight": panels, "scale": np.ones((len(quantized), 1), np.float32)}
        feed |= {"weight_scale": ones, "bias": 0 * ones}
        given = {name: array for name, array in feed.items() if name != "weight" or not constant}
        axes = {name: [f"{name}{axis}" for axis in range(array.ndim)] for name, array in given.items()}
        attributes: dict[str, int | float] = {"zero_point": zero_point}
        model = one_node("MatMulDequantizeBias", axes, ["output"], attributes, weight=panels if constant else None)
        (output,) = session(model).run(None, given)
        sums = (quantized.astype(np.int64) - zero_point) @ weight.astype(np.int64)
        np.testing.assert_array_equal(output, sums.astype(np.float32))


@every_isa
@every_operator
def test_buffers_need_no_alignment(operator: Operator, masked: bool, isa: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ISA_VARIABLE, isa)
    feed, attributes = example(operator.name, 2, 21, heads=3, channels=16, size=9, masked=masked)
    native = session(kernel(operator, feed, attributes))
    expected = native.run(None, feed)
    shifted: Feed = {}
    for name, array in feed.items():
        room = np.empty(array.nbytes + 128, np.uint8)
        start = -room.ctypes.data % 64 + (8 if array.dtype == np.int64 else 4)
        shifted[name] = room[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
        shifted[name][...] = array
    binding = native.io_binding()
    for name, array in shifted.items():
        binding.bind_input(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
    results = [np.empty(array.size + 16, array.dtype)[1 : array.size + 1].reshape(array.shape) for array in expected]
    for name, array in zip(operator.outputs, results, strict=True):
        binding.bind_output(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
    native.run_with_iobinding(binding)
    for ours, others in zip(results, expected, strict=True):
        assert_same_bits(ours, others)


@pytest.mark.parametrize(
    ("operator", "masked"),
    [case for case in CASES if not has_quantized_output(case[0]) and "rows" not in case[0].inputs],
    ids=case_id,
)
def test_output_may_reuse_the_buffer_of_an_input(operator: Operator, masked: bool) -> None:
    feed, attributes = example(operator.name, 2, 30, masked=masked)
    first = next(iter(feed))
    outputs = session(kernel(operator, feed, attributes, between="Neg")).run(None, feed)
    expected = FORMULAS[operator.name](feed | {first: -feed[first]}, attributes)
    assert_close([-output for output in outputs], expected)


@every_operator
@pytest.mark.parametrize(("batch", "length"), [(0, 5), (3, 0)])
def test_empty_inputs_give_empty_outputs(operator: Operator, masked: bool, batch: int, length: int) -> None:
    feed, attributes = example(operator.name, 2, 5, masked=masked)
    empty = {
        name: array if name in (*VECTORS, "weight") else np.empty((batch, length, *array.shape[2:]), array.dtype)
        for name, array in feed.items()
    }
    for output in run(operator, empty, attributes):
        assert output.shape[:2] == (batch, length)


def test_rows_may_have_any_leading_axes() -> None:
    for operator in HERE:
        if "B, S" in str(operator.inputs):
            continue
        feed, attributes = example(operator.name, 6, 5)
        expected = run(operator, feed, attributes)
        for leading in ((30,), (2, 3, 5)):
            shaped = {
                name: array if name in VECTORS else array.reshape(*leading, array.shape[-1])
                for name, array in feed.items()
            }
            for ours, others in zip(run(operator, shaped, attributes), expected, strict=True):
                assert_same_bits(ours.reshape(others.shape), others)


ATTENTION: dict[str, tuple[int, ...]] = dict.fromkeys(("query", "key", "value"), (2, 7, 12))
EPILOGUE = {"product": (2, 7, 12), "scale": (2, 7, 1), "weight_scale": (12,), "bias": (12,)}
MATMUL = {"rows": (2, 7, 8), "weight": (1, 3, 16, 4), "scale": (2, 7, 1), "weight_scale": (12,), "bias": (12,)}
GROUPED = MATMUL | {"rows": (2, 7, 16), "weight": (2, 1, 3, 16, 4)}

INVALID_SHAPES: dict[str, list[tuple[dict[str, tuple[int, ...]], str]]] = {
    "SpanDynamicConv": [
        ({"values": (2, 7, 12), "kernel_logits": (2, 7, 14)}, r"kernel_logits has the shape \[2, 7, 14\], it must be"),
        ({"values": (2, 7, 12), "kernel_logits": (2, 6, 15)}, r"\[B, S, H\*K\], which is \[2, 7, 15\]"),
        ({"values": (2, 7, 13), "kernel_logits": (2, 7, 15)}, "13 channels, which num_heads 3 does not divide"),
        ({"values": (14, 12), "kernel_logits": (2, 7, 15)}, "values has 2 axes"),
        ({"values": (2, 7, 12), "kernel_logits": (2, 7, 15), "mask": (2, 6)}, r"mask has the shape \[2, 6\]"),
        ({"values": (2, 7, 12), "kernel_logits": (2, 7, 15), "mask": (14,)}, r"mask has the shape \[14\]"),
    ],
    "DepthwiseConv": [
        ({"hidden": (2, 7, 12), "weight": (5, 11)}, r"weight has the shape \[5, 11\], it must be \[K, C\]"),
        ({"hidden": (2, 7, 12), "weight": (5,)}, r"weight has the shape \[5\]"),
        ({"hidden": (2, 7, 12), "weight": (129, 12)}, "K must be between 1 and 127, not 129"),
        ({"hidden": (2, 7, 12), "weight": (0, 12)}, "K must be between 1 and 127, not 0"),
        ({"hidden": (12,), "weight": (5, 12)}, "hidden has 1 axes"),
        ({"hidden": (2, 7, 12), "weight": (5, 12), "mask": (1, 7)}, r"mask has the shape \[1, 7\]"),
    ],
    "MaskedAttention": [
        (ATTENTION | {"key": (3, 7, 12)}, r"key has the shape \[3, 7, 12\], it must be \[B, S, H\*D\], which is"),
        (ATTENTION | {"key": (2, 7, 15)}, r"key has the shape \[2, 7, 15\], .* which is \[2, 7, 12\]"),
        (ATTENTION | {"key": (14, 12)}, r"key has the shape \[14, 12\]"),
        (ATTENTION | {"value": (2, 6, 12)}, r"value has the shape \[2, 6, 12\], it must be that of key"),
        (dict.fromkeys(ATTENTION, (2, 7, 13)), "query has 13 channels, which num_heads 3 does not divide"),
        (dict.fromkeys(ATTENTION, (14, 12)), "query has 2 axes"),
        (ATTENTION | {"mask": (2, 6)}, r"mask has the shape \[2, 6\], it must be \[B, S\], which is \[2, 7\]"),
    ],
    "AddLayerNorm": [
        (
            {"product": (2, 12), "bias": (11,), "residual": (2, 12), "gamma": (12,), "beta": (12,)},
            r"bias has the shape",
        ),
        ({"product": (2, 12), "bias": (12,), "residual": (1, 12), "gamma": (12,), "beta": (12,)}, "residual has the"),
        ({"product": (2, 12), "bias": (12,), "residual": (2, 12), "gamma": (1,), "beta": (12,)}, "gamma has the shape"),
        ({"product": (2, 12), "bias": (12,), "residual": (2, 12), "gamma": (12,), "beta": (2, 12)}, "beta has the sha"),
    ],
    "BiasGelu": [({"product": (2, 12), "bias": (1,)}, r"bias has the shape \[1\], it must be \[C\], which is \[12\]")],
    "BiasMul": [({"product": (2, 12), "bias": (12,), "factor": (12, 2)}, r"factor has the shape \[12, 2\]")],
    "Quantize": [({"input": (1,) * 9}, "input has 9 axes, between 1 and 8 are possible")],
    "ConcatQuantize": [
        ({"first": (2, 7, 12), "second": (2, 6, 12)}, r"second has the shape \[2, 6, 12\], it must be that of"),
        ({"first": (2, 7, 12), "second": (7, 12)}, r"second has the shape \[7, 12\]"),
    ],
    "DepthwiseConvQuantize": [({"hidden": (2, 7, 12), "weight": (5, 11)}, r"weight has the shape \[5, 11\]")],
    "DequantizeBias": [
        (EPILOGUE | {"scale": (7, 1)}, r"scale has the shape \[7, 1\], .* \[..., 1\], which is \[2, 7, 1\]"),
        (EPILOGUE | {"scale": (2, 7)}, r"scale has the shape \[2, 7\]"),
        (EPILOGUE | {"weight_scale": (1,)}, r"weight_scale has the shape \[1\]"),
        (EPILOGUE | {"bias": (11,)}, r"bias has the shape \[11\]"),
    ],
    "DequantizeBiasSplit": [
        ({"product": (2, 14), "scale": (2, 1), "weight_scale": (14,), "bias": (14,)}, "14 channels, it must be four"),
        (EPILOGUE | {"bias": (3,)}, r"bias has the shape \[3\], it must be \[C\]"),
    ],
    "DequantizeBiasMul": [(EPILOGUE | {"factor": (2, 7, 1)}, r"factor has the shape \[2, 7, 1\]")],
    "DequantizeBiasGelu": [(EPILOGUE | {"scale": (2, 7, 12)}, r"scale has the shape \[2, 7, 12\]")],
    "DequantizeAddLayerNorm": [
        (EPILOGUE | {"residual": (2, 7, 11), "gamma": (12,), "beta": (12,)}, "residual has the shape"),
        (EPILOGUE | {"residual": (2, 7, 12), "gamma": (1,), "beta": (12,)}, "gamma has the shape"),
        (EPILOGUE | {"residual": (2, 7, 12), "gamma": (12,), "beta": (1,)}, "beta has the shape"),
    ],
    "MatMulDequantizeBias": [
        (MATMUL | {"rows": (2, 7, 6)}, "rows have 6 channels, they must be a multiple of 4"),
        (
            MATMUL | {"weight": (1, 2, 16, 4)},
            r"weight has the shape \[1, 2, 16, 4\], .* \[C/16, K/4 \+ 1, 16, 4\], whi",
        ),
        (MATMUL | {"weight": (3, 64)}, r"weight has the shape \[3, 64\]"),
        (MATMUL | {"scale": (2, 7, 8)}, r"scale has the shape \[2, 7, 8\]"),
        (MATMUL | {"weight_scale": (11,)}, r"weight_scale has the shape \[11\]"),
        (MATMUL | {"weight_scale": (17,), "bias": (17,)}, r"weight has the shape \[1, 3, 16, 4\], .* \[2, 3, 16, 4\]"),
    ],
    "MatMulDequantizeBiasSplit": [
        (MATMUL | {"weight_scale": (14,), "bias": (14,)}, "bias has 14 channels, it must be four times C"),
        (MATMUL | {"bias": (12, 1)}, r"bias has the shape \[12, 1\], it must be \[C\]"),
    ],
    "MatMulDequantizeBiasMul": [(MATMUL | {"factor": (2, 7, 8)}, r"factor has the shape \[2, 7, 8\]")],
    "MatMulDequantizeBiasGelu": [(MATMUL | {"bias": (11,)}, r"weight_scale has the shape \[12\]")],
    "MatMulDequantizeAddLayerNorm": [
        (MATMUL | {"residual": (2, 7, 8), "gamma": (12,), "beta": (12,)}, "residual has the shape"),
        (MATMUL | {"residual": (2, 7, 12), "gamma": (12,), "beta": (1,)}, "beta has the shape"),
    ],
    "GroupedMatMulDequantizeBiasGelu": [
        (GROUPED | {"rows": (2, 7, 12)}, "rows have 12 channels, they must be a multiple of 8"),
        (GROUPED | {"weight": (1, 3, 16, 4)}, r"weight has the shape \[1, 3, 16, 4\], .* \[1, 1, 5, 16, 4\]"),
        (
            GROUPED | {"weight": (2, 2, 3, 16, 4)},
            r"must be \[G, C/G/16, K/G/4 \+ 1, 16, 4\], which is \[2, 1, 3, 16, 4\]",
        ),
        (GROUPED | {"weight_scale": (13,), "bias": (13,)}, "bias has 13 channels, which 2 groups do not divide"),
    ],
    "GroupedMatMulDequantizeAddLayerNorm": [
        (GROUPED | {"residual": (2, 7, 8), "gamma": (12,), "beta": (12,)}, "residual has the shape"),
        (
            GROUPED | {"residual": (2, 7, 12), "gamma": (12,), "beta": (12,), "weight": (0, 1, 3, 16, 4)},
            r"weight has the shape \[0, 1, 3, 16, 4\]",
        ),
    ],
    "BiasSplit": [
        ({"product": (2, 14), "bias": (14,)}, "14 channels, it must be four times C"),
        ({"product": (2, 12), "bias": (3,)}, "bias has the shape"),
        ({"product": (1,) * 8 + (4,), "bias": (4,)}, "product has 9 axes, between 1 and 8 are possible"),
    ],
}


@pytest.mark.parametrize(
    ("operator", "shapes", "message"),
    [(operator, *case) for operator in HERE for case in INVALID_SHAPES[operator.name]],
    ids=case_id,
)
def test_invalid_shapes_raise(operator: Operator, shapes: dict[str, tuple[int, ...]], message: str) -> None:
    _, attributes = example(operator.name, 1, 1, heads=3, size=5)
    feed: Feed = {name: np.ones(shape, operator.inputs[name].split()[0]) for name, shape in shapes.items()}
    feed = {name: array.astype(np.float32) if array.dtype == np.float64 else array for name, array in feed.items()}
    axes = {name: [f"{name}{i}" for i in range(len(shape))] for name, shape in shapes.items()}
    native = session(one_node(operator.name, axes, list(operator.outputs), attributes))
    with pytest.raises(Exception, match=f"{operator.name}: .*{message}"):
        native.run(None, feed)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"num_heads": 3}, "the attribute kernel_size is missing or of the wrong type"),
        ({"num_heads": 3, "kernel_size": 5.0}, "the attribute kernel_size is missing or of the wrong type"),
        ({"num_heads": 0, "kernel_size": 5}, "num_heads must be between 1 and 65536, not 0"),
        ({"num_heads": 3, "kernel_size": 0}, "kernel_size must be between 1 and 127, not 0"),
        ({"num_heads": 3, "kernel_size": 2**40}, "kernel_size must be between 1 and 127"),
        ({"num_heads": -(2**63), "kernel_size": 9}, "num_heads must be between 1 and 65536"),
    ],
)
def test_invalid_attributes_raise(attributes: dict[str, int | float], message: str) -> None:
    (operator,) = (operator for operator in OPERATORS if operator.name == "SpanDynamicConv")
    feed, _ = example(operator.name, 1, 1, heads=3, size=5)
    with pytest.raises(Exception, match=f"SpanDynamicConv: {message}"):
        session(kernel(operator, feed, attributes))


def test_unknown_instruction_set_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ISA_VARIABLE, "vax")
    feed, attributes = example("BiasGelu", 1, 1)
    (operator,) = (operator for operator in OPERATORS if operator.name == "BiasGelu")
    with pytest.raises(Exception, match=f"CONVBERT_ONNX_ISA is vax, this machine has {ISAS[0]}"):
        session(kernel(operator, feed, attributes))


@every_operator
def test_shapes_are_inferred_after_the_node(operator: Operator, masked: bool) -> None:
    feed, attributes = example(operator.name, 1, 4, masked=masked)
    axes: dict[str, Any] = {name: ["batch", "sequence", *array.shape[2:]][: array.ndim] for name, array in feed.items()}
    axes |= {name: array.shape for name, array in feed.items() if name in (*VECTORS, "weight")}
    native = session(one_node(operator.name, axes, list(operator.outputs), attributes, between="Abs"))
    channels = [1 if "1]" in declared else 12 for declared in operator.outputs.values()]
    channels = [27, 1] if operator.name == "ConcatQuantize" else channels
    assert [output.shape for output in native.get_outputs()] == [["batch", "sequence", last] for last in channels]
    assert [output.type for output in native.get_outputs()] == [
        f"tensor({declared.split()[0]})" for declared in operator.outputs.values()
    ]
