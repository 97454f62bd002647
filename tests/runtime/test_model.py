"""Opening models: files, directories, and everything that is neither."""

import json
import shutil
from pathlib import Path

import pytest
from golden import CHECKPOINTS, Exported

from convbert_onnx import ConvBertConfig, ConvBertOnnxPipeline
from convbert_onnx.errors import BundleError, ConvBertError, FileMissingError, InputError
from convbert_onnx.runtime.model import open_model


@pytest.fixture
def broken(exported: Exported, tmp_path: Path) -> Path:
    """A copy of a model, to be broken."""
    return Path(shutil.copy(exported(), tmp_path / "broken.onnx"))


def patch(path: Path, old: bytes, new: bytes) -> None:
    content = path.read_bytes()
    assert content.count(old) >= 1
    assert len(old) == len(new)
    path.write_bytes(content.replace(old, new, 1))


def test_missing_file_is_also_a_file_not_found_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="does not exist") as caught:
        open_model(tmp_path / "model.onnx")
    assert isinstance(caught.value, ConvBertError)


def test_directory_without_model_is_refused_with_advice(tmp_path: Path) -> None:
    with pytest.raises(FileMissingError, match='layout="directory"'):
        open_model(tmp_path)


def test_directory_with_several_models_is_ambiguous(exported: Exported, tmp_path: Path) -> None:
    for name in ("a.onnx", "b.onnx"):
        shutil.copy(exported(), tmp_path / name)
    with pytest.raises(BundleError, match=r"a\.onnx, b\.onnx"):
        open_model(tmp_path)
    (tmp_path / "a.onnx").unlink()
    assert open_model(tmp_path).path.name == "b.onnx"


def test_text_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_text("This is a shopping list.\n" * 100)
    with pytest.raises(BundleError, match="not a complete ONNX file"):
        open_model(tmp_path / "model.onnx")


def test_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").touch()
    with pytest.raises(BundleError, match=r"model\.onnx"):
        open_model(tmp_path / "model.onnx")


@pytest.mark.parametrize("part", [0.1, 0.5, 0.75])
def test_truncated_file_is_refused(broken: Path, part: float) -> None:
    content = broken.read_bytes()
    broken.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(BundleError, match="not a complete ONNX file"):
        open_model(broken)


def test_file_cut_after_its_graph_lacks_tokenizer_data(broken: Path) -> None:
    content = broken.read_bytes()
    broken.write_bytes(content[: content.index(b"convbert_onnx.format_version") - 4])
    with pytest.raises(ConvBertError):
        open_model(broken)


def test_newer_ir_version_is_refused_with_advice(broken: Path) -> None:
    assert broken.read_bytes()[:2] == b"\x08\x08"  # field 1, ir_version
    patch(broken, b"\x08\x08", b"\x08\x63")
    with pytest.raises(BundleError, match=r"IR version 99, onnxruntime .* reads up to \d+: pip install --upgrade"):
        open_model(broken)


def test_newer_opset_is_refused_with_advice(broken: Path) -> None:
    opset = b"\x42\x04\x0a\x00\x10"  # field 8, opset_import: domain "", version
    patch(broken, opset + b"\x12", opset + b"\x7f")
    with pytest.raises(BundleError, match=r"uses opset 127, onnxruntime .* knows up to \d+: pip install --upgrade"):
        open_model(broken)


def test_newer_bundle_format_is_refused_with_advice(broken: Path) -> None:
    key = b"convbert_onnx.format_version\x12\x01"
    patch(broken, key + b"1", key + b"9")
    with pytest.raises(BundleError, match=r"broken\.onnx: .*bundle format 9.*pip install --upgrade convbert-onnx"):
        open_model(broken)


def test_model_of_another_task_is_refused(exported: Exported) -> None:
    with pytest.raises(BundleError, match="exported for question-answering, not for token-classification"):
        open_model(exported(), "ner")


def test_model_with_other_outputs_is_refused(broken: Path) -> None:
    patch(broken, b"convbert_onnx.format_version", b"convbert_onyx.format_version")  # now it is a stranger
    config = ConvBertConfig.from_pretrained(CHECKPOINTS / "plain-question-answering")
    with pytest.raises(BundleError, match=r"not a fill-mask model.*outputs end_logits, start_logits.*needs.*logits"):
        open_model(broken, "fill-mask", config=config, tokenizer=CHECKPOINTS / "plain-question-answering")


def test_foreign_file_needs_config_and_tokenizer(broken: Path) -> None:
    patch(broken, b"convbert_onnx.format_version", b"convbert_onyx.format_version")
    with pytest.raises(FileMissingError, match=r"there is no config\.json next to it"):
        open_model(broken)
    source = CHECKPOINTS / "plain-question-answering"
    shutil.copy(source / "config.json", broken.parent)
    with pytest.raises(FileMissingError, match="no tokenizer was found"):
        open_model(broken)
    shutil.copy(source / "tokenizer.json", broken.parent)
    model = open_model(broken)
    assert model.task_spec.name == "question-answering"
    assert model.padding_changes_results
    assert ConvBertOnnxPipeline(broken).info["precision"] == "unknown"


def test_foreign_config_without_architecture_needs_a_task(broken: Path, tmp_path: Path) -> None:
    patch(broken, b"convbert_onnx.format_version", b"convbert_onyx.format_version")
    source = CHECKPOINTS / "plain-question-answering"
    values = json.loads((source / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(values | {"architectures": None}))
    shutil.copy(source / "tokenizer.json", tmp_path)
    with pytest.raises(BundleError, match="pass task="):
        open_model(broken)
    assert open_model(broken, "qa").task_spec.name == "question-answering"


def test_tokenizer_larger_than_the_embeddings_is_refused(exported: Exported) -> None:
    with pytest.raises(InputError, match="ids up to 3698, the model only 3425 embeddings"):
        open_model(exported("plain"), tokenizer=CHECKPOINTS / "cased-question-answering")
