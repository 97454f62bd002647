from importlib.metadata import version

import onnxruntime

from convbert_onnx.exporters.tool_versions import tool_versions


def test_tool_versions_always_include_this_package_and_the_engine() -> None:
    assert list(tool_versions()) == ["convbert-onnx", "onnxruntime"]
    assert tool_versions(["onnx"]) == {
        "convbert-onnx": version("convbert-onnx"),
        "onnx": version("onnx"),
        "onnxruntime": onnxruntime.__version__,
    }
