"""int8 files on CPUs other than the one that they are for."""

from pathlib import Path
from typing import Any, get_args

import numpy as np
import onnxruntime
import pytest
from golden import QUESTION, Exported, batches, inputs_of, relative_difference
from numpy.typing import NDArray

from convbert_onnx import ConvBertOnnxPipeline
from convbert_onnx.bundle import Cpu
from convbert_onnx.errors import InputError
from convbert_onnx.exporters import QuantizationOptions, quantize
from convbert_onnx.runtime import inspect
from convbert_onnx.runtime.sessions.cpu import EXACT_OPTION
from convbert_onnx.runtime.sessions.kernels import ISA_VARIABLE, LIBRARY, available_isas

pytestmark = pytest.mark.usefixtures("small_tables")

CPUS = get_args(Cpu)


@pytest.mark.parametrize("made_for", CPUS)
def test_outputs_have_the_same_bits_on_every_instruction_set_with_fma(
    exported: Exported, architecture: str, made_for: Cpu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same bits on all instruction sets with FMA; without it, floats are rounded more often."""
    quantize(exported(architecture), tmp_path / "int8.onnx", options=QuantizationOptions(cpu=made_for))
    results: dict[str, list[list[NDArray[Any]]]] = {}
    for isa in available_isas() if LIBRARY.is_file() else []:
        monkeypatch.setenv(ISA_VARIABLE, isa)
        session = ConvBertOnnxPipeline(tmp_path / "int8.onnx").session
        results[isa] = [session.run(None, inputs_of(batch)) for batch in batches(architecture, "question-answering")]
    without_fma = results.pop("baseline", [])
    first, *others = results.values()
    for other in others:
        for ours, theirs in zip(first, other, strict=True):
            for one, same in zip(ours, theirs, strict=True):
                np.testing.assert_array_equal(one, same)
    for ours, theirs in zip(first, without_fma, strict=bool(without_fma)):
        for one, near in zip(ours, theirs, strict=True):
            assert relative_difference(one, near) < 0.03


@pytest.mark.parametrize("made_for", CPUS)
@pytest.mark.parametrize("here", CPUS)
def test_int8_is_exact_where_onnxruntime_would_saturate(
    exported: Exported, here: Cpu, made_for: Cpu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quantize(exported(), tmp_path / "int8.onnx", options=QuantizationOptions(cpu=made_for))
    monkeypatch.setattr("convbert_onnx.runtime.sessions.cpu.cpu_of_this_machine", lambda: here)
    options = ConvBertOnnxPipeline(tmp_path / "int8.onnx").session.get_session_options()
    if here == "avx2" and made_for != "avx2":
        assert options.get_session_config_entry(EXACT_OPTION) == "1"
    else:
        with pytest.raises(RuntimeError):
            options.get_session_config_entry(EXACT_OPTION)


def test_session_options_that_let_int8_saturate_are_refused(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quantize(exported(), tmp_path / "int8.onnx", options=QuantizationOptions(cpu="vnni"))
    monkeypatch.setattr("convbert_onnx.runtime.sessions.cpu.cpu_of_this_machine", lambda: "avx2")
    options = onnxruntime.SessionOptions()
    with pytest.raises(InputError, match=r"int8 matmuls .* would overflow on this CPU .*: call add_session_config_en"):
        ConvBertOnnxPipeline(tmp_path / "int8.onnx", session_options=options)
    options.add_session_config_entry(EXACT_OPTION, "1")
    assert ConvBertOnnxPipeline(tmp_path / "int8.onnx", session_options=options)(**QUESTION)["answer"]


@pytest.mark.skipif(not LIBRARY.is_file(), reason="the native kernels are not built")
def test_inspect_says_whether_a_file_is_the_fastest_here(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert inspect(exported())["int8"] is None
    suits = {"avx512vnni": "vnni", "avxvnni": "vnni", "avx512": "avx2", "avx2": "avx2", "neon": "arm64"}
    for cpu in CPUS:
        quantize(exported(), tmp_path / "int8.onnx", options=QuantizationOptions(cpu=cpu))
        for isa in available_isas():
            if isa in suits:
                monkeypatch.setenv(ISA_VARIABLE, isa)
                fast = cpu == suits[isa] or (cpu, suits[isa]) == ("avx2", "vnni")
                slow = f"exact here, and faster if quantized with cpu={suits[isa]!r}"
                assert inspect(tmp_path / "int8.onnx")["int8"] == ("the fast form for this machine" if fast else slow)
