from dataclasses import replace
from pathlib import Path

import pytest
from golden import DATA, Exported

from convbert_onnx.bundle import Comparison, ExportRecord
from convbert_onnx.cli.output import (
    MAX_OPERATORS,
    describe_benchmark,
    describe_conversion,
    describe_evaluation,
    describe_export,
    describe_file,
)
from convbert_onnx.runtime import bench, evaluate, inspect


@pytest.fixture
def record(exported: Exported) -> ExportRecord:
    record = inspect(exported())["record"]
    assert record is not None
    return ExportRecord.from_dict(record)


def line(text: str, name: str) -> str:
    """The text of the row with this name."""
    return next(row.removeprefix(name).strip() for row in text.splitlines() if row.startswith(f"{name} "))


def test_an_export_shows_size_format_and_worst_difference(record: ExportRecord) -> None:
    text = describe_export(record, "qa.onnx", 3 * 2**20)
    assert line(text, "file") == "qa.onnx (3.0 MB)"
    assert line(text, "format").startswith("cpu, fp32, opset 18")
    assert line(text, "worst difference") == f"{record.worst_difference:.1e} to PyTorch over 10 shapes (allowed 1e-04)"
    assert "3 x SpanDynamicConv" in line(text, "our operators")


def test_a_graph_without_our_operators_or_validation_is_described(record: ExportRecord) -> None:
    taken = replace(record, operators={}, worst_difference=None, tolerance=None, validated=())
    text = describe_export(taken, "optimum.onnx", 1)
    assert line(text, "our operators") == "none, standard ONNX only"
    assert line(text, "worst difference") == "not compared with PyTorch, the graph is unchanged"


def test_a_quantized_file_shows_its_comparison_with_fp32(record: ExportRecord) -> None:
    comparison = Comparison(texts=16, same_answers=15, mean_difference=0.01, worst_difference=0.2)
    text = describe_export(replace(record, precision="int8", cpu="vnni", comparison=comparison), "int8.onnx", 1)
    assert line(text, "format").startswith("cpu, int8 for vnni")
    assert line(text, "against fp32") == (
        "15 of 16 answers unchanged; outputs differ by 1.0e-02 on average, 2.0e-01 at most"
    )
    measured = replace(comparison, data="dev.json", metric="f1", before=0.9, after=0.89)
    text = describe_export(replace(record, comparison=measured), "int8.onnx", 1)
    assert line(text, "evaluated") == "f1 0.8900, in fp32 0.9000, on dev.json (16 examples)"


def test_a_file_from_elsewhere_shows_its_inputs(exported: Exported, tmp_path: Path) -> None:
    copy = tmp_path / "other.onnx"
    content = exported().read_bytes()
    copy.write_bytes(content.replace(b"convbert_onnx.format_version", b"convbert_onyx.format_version"))
    text = describe_file(inspect(copy))
    assert line(text, "origin") == "not exported by convbert-onnx"
    assert line(text, "inputs").startswith("input_ids [batch, sequence]")


def test_a_conversion_is_one_line() -> None:
    text = describe_conversion(
        source="hub/model", directory="out", head="ConvBertModel", parameters=12345, sha256="0" * 64, tokenizer=()
    )
    assert text == "out: ConvBertModel of hub/model, 12,345 parameters; tokenizer: none found"


def test_a_benchmark_is_a_table_with_the_slowest_operators(exported: Exported) -> None:
    result = bench(exported(target="portable"), [(1, 8), (2, 16)], repeats=1, threads=1, with_profile=True)
    text = describe_benchmark(result)
    assert line(text, "shape").split()[:3] == ["runs", "p50", "ms"]
    assert line(text, "2x16").split()[0] == "1"
    kinds = len(result.shapes[0].operators)
    assert kinds > MAX_OPERATORS
    assert f"\n{kinds - MAX_OPERATORS} others " in text


def test_an_evaluation_shows_the_interval_of_its_main_metric(exported: Exported) -> None:
    result = evaluate(exported(task="text-classification"), DATA / "labelled" / "polarity.tsv")
    low, high = (100 * bound for bound in result.interval)
    assert line(describe_evaluation(result), result.main).endswith(
        f"(95 % interval {low:.1f} to {high:.1f} %, {result.interval_method})"
    )
