"""Variants that emulate other CPUs."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from golden import Exported
from numpy.typing import NDArray

from benchmarks.accuracy.variants import VARIANTS


def test_emulated_vnni_variant_is_exact_on_any_cpu(exported: Exported, tmp_path: Path) -> None:
    shutil.copy(exported(), tmp_path / "fp32.onnx")
    VARIANTS["int8 (VNNI and ARM)"]("question-answering", tmp_path, tmp_path / "eight.onnx")
    model = onnx.load(tmp_path / "eight.onnx")
    weights = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    matmuls = [node for node in model.graph.node if node.op_type == "MatMulInteger"]
    assert len(matmuls) >= 3 * 4
    for node in matmuls:
        weight = weights[node.input[1]]
        assert weight.dtype == np.uint8
        assert (np.abs(weight.astype(int) - 128).max(axis=0) == 127).all()
        rows = (255 * (weight > 128)).T.astype(np.uint8)
        (product,) = run_node(node, {"rows": rows, **weights})
        zero_point = weights[node.input[2]].astype(int)
        np.testing.assert_array_equal(product, (rows.astype(int) - zero_point) @ (weight.astype(int) - 128))


def run_node(node: onnx.NodeProto, tensors: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
    """Run one MatMulInteger node in onnxruntime, with the array "rows" as its first input."""
    single = onnx.NodeProto()
    single.CopyFrom(node)
    single.input[0], single.output[0] = "rows", "product"
    constants = [onnx.numpy_helper.from_array(tensors[name], name) for name in single.input[1:]]
    rows = onnx.helper.make_tensor_value_info("rows", onnx.TensorProto.UINT8, [None, None])
    product = onnx.helper.make_tensor_value_info("product", onnx.TensorProto.INT32, [None, None])
    graph = onnx.helper.make_graph([single], "product", [rows], [product], constants)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return list(session.run(None, {"rows": tensors["rows"]}))
