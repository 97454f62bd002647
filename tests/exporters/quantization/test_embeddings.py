from pathlib import Path

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
from golden import Exported
from numpy.typing import NDArray
from onnx_ir.passes import common

from convbert_onnx.exporters import quantize
from convbert_onnx.exporters.initializers import as_array, initializer
from convbert_onnx.exporters.quantization import embeddings


@pytest.fixture(autouse=True)
def small_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Quantize the embedding tables of the toy models too."""
    monkeypatch.setattr(embeddings, "MIN_TABLE_SIZE", 4096)


def test_tied_embeddings_are_stored_once(exported: Exported, tmp_path: Path) -> None:
    quantize(exported(task="fill-mask"), tmp_path / "int8.onnx")
    tables = [
        name
        for name, value in ir.load(tmp_path / "int8.onnx").graph.initializers.items()
        if value.shape is not None and 3425 in tuple(value.shape) and len(value.shape) == 2
    ]
    assert tables == ["convbert.embeddings.word.bytes"]


def test_tables_are_read_as_int8_rows_with_a_scale_per_row() -> None:
    table = np.random.default_rng(0).standard_normal((3, 512), np.float32) * np.array([[1], [0], [1e-3]], np.float32)
    model = gather_graph(table)
    assert list(embeddings.quantize_embeddings(model, fit_pairs=False)) == []  # too small
    tables = embeddings.quantize_embeddings(gather_graph(np.tile(table, (1, 4))), fit_pairs=False)
    ((rows, scales),) = tables.values()
    assert (rows.name, rows.dtype, scales.name) == ("words.bytes", ir.DataType.INT8, "words.scales")
    assert as_array(scales)[1] == 0


def test_gathered_rows_are_near_the_float_table() -> None:
    table = np.random.default_rng(0).standard_normal((5, 1024), np.float32)
    model = gather_graph(table)
    ids = np.array([[4, 0, 2]])
    embeddings.quantize_embeddings(model, fit_pairs=False)
    common.RemoveUnusedNodesPass()(model)
    assert set(model.graph.initializers) == {"words.bytes", "words.scales", "words.scales.axis"}
    session = onnxruntime.InferenceSession(ir.to_proto(model).SerializeToString())
    (gathered,) = session.run(None, {"ids": ids})
    steps = np.abs(table).max(axis=1, keepdims=True) / 127
    assert (np.abs(gathered - table[ids]) <= 0.501 * steps[ids]).all()


def gather_graph(table: NDArray[np.float32]) -> ir.Model:
    rows, columns = table.shape
    model = ir.from_onnx_text(
        '<ir_version: 8, opset_import: ["" : 18]> g (int64[B, S] ids) => (float[B, S, C] y) '
        f"<float[{rows}, {columns}] table> {{ y = Gather (table, ids) }}"
    )
    (gather,) = model.graph
    gather.replace_input_with(0, initializer(model.graph, "words.weight", table))
    return model
