"""Models whose weights are in another file than the graph, read by the runtime."""

import shutil
from pathlib import Path

import onnx
import pytest
from golden import CHECKPOINTS, Exported, pipeline_cases, same_result

from convbert_onnx import ConvBertOnnxPipeline
from convbert_onnx.errors import BundleError, FileMissingError
from convbert_onnx.runtime.model_files.external_data import ExternalData, external_files
from convbert_onnx.runtime.model_files.onnx_file import OnnxFile

PLAIN = CHECKPOINTS / "plain-question-answering"
CASE = pipeline_cases("plain", "question-answering")[0]


@pytest.fixture
def split(exported: Exported, tmp_path: Path) -> Path:
    """A model with its weights in another file."""
    path = tmp_path / "split.onnx"
    onnx.save(onnx.load(exported()), path, save_as_external_data=True, location="weights.bin", size_threshold=1024)
    return path


def move_weights(path: Path, location: str) -> None:
    """Change the file that a model names for its weights."""
    model = onnx.load(path, load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = location
    path.write_bytes(model.SerializeToString())


def test_weights_next_to_a_file_are_found(exported: Exported, split: Path) -> None:
    assert external_files(exported()) == set()
    assert external_files(split) == {"weights.bin"}
    source = CHECKPOINTS / "plain-question-answering"
    assert same_result(ConvBertOnnxPipeline(split, tokenizer=source)(**CASE["inputs"]), CASE["output"])


def test_missing_weight_files_are_named(split: Path) -> None:
    (split.parent / "weights.bin").unlink()
    with pytest.raises(FileMissingError, match=r"weights\.bin, which is not next to it"):
        ConvBertOnnxPipeline(split)


@pytest.mark.parametrize(
    "location", ["../weights.bin", "{folder}/weights.bin", "a/../../weights.bin", "..\\w", "C:\\w"]
)
def test_weights_outside_the_folder_are_refused(split: Path, location: str) -> None:
    shutil.copy(split.parent / "weights.bin", split.parent.parent / "weights.bin")
    move_weights(split, location.format(folder=split.parent))
    with pytest.raises(BundleError, match="weights outside its directory"):
        ConvBertOnnxPipeline(split)
    (split.parent.parent / "weights.bin").unlink()


def test_external_tensors_are_found_everywhere_in_a_model(tmp_path: Path) -> None:
    def tensor(location: str) -> onnx.TensorProto:
        made = onnx.TensorProto(name=location, data_type=1, dims=[1], data_location=onnx.TensorProto.EXTERNAL)
        made.external_data.add(key="offset", value="0")
        made.external_data.add(key="location", value=location)
        return made

    def constant(location: str) -> onnx.NodeProto:
        return onnx.helper.make_node("Constant", [], ["x"], value=tensor(location))

    branch = onnx.helper.make_graph([constant("in a branch")], "branch", [], [])
    function = onnx.helper.make_function("local", "F", [], ["x"], [constant("in a function")], [])
    graph = onnx.helper.make_graph(
        [constant("in a node"), onnx.helper.make_node("If", ["x"], ["y"], then_branch=branch)],
        "graph",
        [],
        [],
        [tensor("in the graph")],
    )
    model = onnx.helper.make_model(graph, functions=[function])
    onnx.helper.set_model_props(model, {"location": "no tensor"})
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    places = {"in a branch", "in a function", "in a node", "in the graph"}
    assert external_files(path) == places
    for place in places:
        (tmp_path / place).write_bytes(bytes(4))
    with OnnxFile(path) as file:
        ExternalData(file).close()
