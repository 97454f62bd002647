"""Which sessions use the native kernels, and what happens without them."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from golden import Exported, batches, inputs_of, relative_difference
from operator_formulas import FORMULAS

from convbert_onnx import ConvBertOnnxPipeline
from convbert_onnx.errors import InputError, KernelsError
from convbert_onnx.runtime import inspect
from convbert_onnx.runtime.sessions import kernels
from convbert_onnx.runtime.sessions.kernels import ISA_VARIABLE, LIBRARY, NATIVE_VARIABLE, KernelUse, register_kernels
from convbert_onnx.runtime.sessions.session import open_session

CPU = ["CPUExecutionProvider"]

built = pytest.mark.skipif(not LIBRARY.is_file(), reason="the native kernels are not built")


@pytest.fixture
def no_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Let the library be missing."""
    monkeypatch.setattr(kernels, "LIBRARY", tmp_path / "kernels.so")
    kernels._load_library.cache_clear()
    yield tmp_path / "kernels.so"
    kernels._load_library.cache_clear()


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NATIVE_VARIABLE, raising=False)
    monkeypatch.delenv(ISA_VARIABLE, raising=False)


def optimized(path: Path, folder: Path, native: bool) -> bytes:
    """Return the optimized graph of a session."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.optimized_model_filepath = str(folder / "optimized.onnx")
    open_session(path, session_options=options, native=native)
    return (folder / "optimized.onnx").read_bytes()


@built
def test_cpu_sessions_use_native_kernels(exported: Exported, tmp_path: Path) -> None:
    use = open_session(exported()).kernels
    assert use == KernelUse(kernels.available_isas()[0], None)
    assert b"SpanDynamicConv" in optimized(exported(), tmp_path, native=True).replace(b"/SpanDynamicConv", b"")
    assert ConvBertOnnxPipeline(exported()).info["kernels"] == f"native, {use.isa}"


def test_native_false_runs_the_functions_in_the_file(exported: Exported, tmp_path: Path) -> None:
    use = open_session(exported(), native=False).kernels
    assert use == KernelUse(None, "as asked for")
    assert b"Softmax" in optimized(exported(), tmp_path, native=False)
    assert ConvBertOnnxPipeline(exported(), native=False).info["kernels"] == "fallback, as asked for"


@built
@pytest.mark.parametrize("architecture", ["plain", "grouped", "cased"])
def test_native_and_fallback_outputs_are_close(exported: Exported, architecture: str) -> None:
    native = open_session(exported(architecture), native=True).session
    fallback = open_session(exported(architecture), native=False).session
    for batch in batches(architecture, "question-answering"):
        feed = inputs_of(batch)
        for ours, theirs in zip(native.run(None, feed), fallback.run(None, feed), strict=True):
            assert relative_difference(ours, theirs) < 1e-5


@built
def test_environment_variable_is_the_default_of_native(exported: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    for value, isa in (("0", None), ("1", kernels.available_isas()[0]), ("auto", kernels.available_isas()[0])):
        monkeypatch.setenv(NATIVE_VARIABLE, value)
        assert open_session(exported()).kernels.isa == isa
    monkeypatch.setenv(NATIVE_VARIABLE, "0")
    assert open_session(exported(), native=True).kernels.isa is not None
    monkeypatch.setenv(NATIVE_VARIABLE, "yes")
    with pytest.raises(InputError, match="CONVBERT_ONNX_NATIVE must be 1, 0 or auto, not 'yes'"):
        open_session(exported())


def test_unknown_native_value_raises(exported: Exported) -> None:
    with pytest.raises(InputError, match="native must be True, False or 'auto', not 'yes'"):
        ConvBertOnnxPipeline(exported(), native="yes")  # type: ignore[call-overload]


def test_other_providers_do_not_use_native_kernels() -> None:
    options = onnxruntime.SessionOptions()
    use = register_kernels(options, ["CUDAExecutionProvider", "CPUExecutionProvider"])
    assert use.isa is None
    with pytest.raises(KernelsError, match="pass providers='cpu'; or pass native=False to run without them"):
        register_kernels(options, ["CUDAExecutionProvider"], native=True)


@built
def test_session_options_of_the_caller_get_kernels_only_with_native_true(exported: Exported) -> None:
    options = onnxruntime.SessionOptions()
    use = open_session(exported(), session_options=options).kernels
    assert str(use).startswith("fallback, session_options were passed: pass native=True too")
    for _ in range(2):
        use = open_session(exported(), session_options=options, native=True).kernels
        assert use.isa is not None


@built
def test_files_with_unsupported_types_fall_back_to_functions(operator_files: Path) -> None:
    file = operator_files / "float64.onnx"
    opened = open_session(file)
    assert opened.kernels == KernelUse(None, "the native kernels cannot run this file")
    feed = {
        name: np.full(shape, 2.5) for name, shape in (("product", (1, 2, 14)), ("bias", 14), ("factor", (1, 2, 14)))
    }
    np.testing.assert_array_equal(opened.session.run(None, feed)[0], FORMULAS["BiasMul"](feed, {})[0])
    with pytest.raises(KernelsError, match="by the native kernels; pass native=False to run it without them"):
        open_session(file, native=True)


def test_missing_library_falls_back_and_says_why(exported: Exported, no_library: Path) -> None:
    pipe = ConvBertOnnxPipeline(exported())
    assert pipe(question="Who?", context="It was Ada.")["answer"]
    assert pipe.info["kernels"].startswith("fallback, the library is not installed: install a wheel")
    assert inspect(exported())["kernels"].startswith("fallback, the library")
    with pytest.raises(KernelsError, match="the library is not installed"):
        ConvBertOnnxPipeline(exported(), native=True)
    with pytest.raises(KernelsError, match="the library is not installed"):
        kernels.signatures()


def test_library_for_another_machine_falls_back(exported: Exported, no_library: Path) -> None:
    no_library.write_bytes(b"\x7fELF of something else")
    assert str(open_session(exported()).kernels) == inspect(exported())["kernels"]
    assert "the library cannot be loaded" in str(open_session(exported()).kernels)


@built
def test_isa_variable_selects_the_instruction_set(exported: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    for isa in kernels.available_isas():
        monkeypatch.setenv(ISA_VARIABLE, isa)
        assert inspect(exported())["kernels"] == f"native, {isa}"
    monkeypatch.setenv(ISA_VARIABLE, "vax")
    with pytest.raises(InputError, match=r"CONVBERT_ONNX_ISA must be one of .* on this machine, not 'vax'"):
        inspect(exported())
