"""Conversion of checkpoints."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from golden import CHECKPOINTS
from safetensors.torch import load_file
from tensorflow_files import write_h5
from transformers import AutoTokenizer
from transformers import ConvBertForQuestionAnswering as Reference

from convbert_onnx.cli import main
from convbert_onnx.errors import CheckpointError, FileMissingError, InputError, MissingHeadError
from convbert_onnx.models import ConvBertModel, convert

PLAIN = CHECKPOINTS / "plain-question-answering"


@pytest.fixture
def h5(tmp_path: Path) -> Path:
    """A checkpoint with the files of the released ones: config.json, tf_model.h5 and vocab.txt."""
    directory = tmp_path / "h5"
    directory.mkdir()
    for name in ("config.json", "vocab.txt"):
        shutil.copy(PLAIN / name, directory)
    write_h5(directory / "tf_model.h5", load_file(PLAIN / "model.safetensors"))
    return directory


def test_converted_checkpoint_loads_in_transformers(h5: Path, tmp_path: Path) -> None:
    conversion = convert(h5, tmp_path / "new")
    names = {path.name for path in (tmp_path / "new").iterdir()}
    assert names == {"config.json", "model.safetensors", "vocab.txt"}
    _, info = Reference.from_pretrained(tmp_path / "new", output_loading_info=True)
    assert not any(info.values())
    written, original = (load_file(folder / "model.safetensors") for folder in (tmp_path / "new", PLAIN))
    assert written.keys() == original.keys()
    assert all(written[name].equal(original[name]) for name in original)
    assert AutoTokenizer.from_pretrained(tmp_path / "new")("dust").input_ids
    assert (conversion.source, conversion.head) == ("h5", "ConvBertForQuestionAnswering")
    assert (conversion.parameters, conversion.tokenizer) == (89_496, ("vocab.txt",))


def test_task_selects_the_head(h5: Path, tmp_path: Path) -> None:
    assert convert(h5, tmp_path / "new", task="features").head == "ConvBertModel"
    assert json.loads((tmp_path / "new" / "config.json").read_text())["architectures"] == ["ConvBertModel"]
    assert "qa_outputs.bias" not in load_file(tmp_path / "new" / "model.safetensors")
    with pytest.raises(MissingHeadError):
        convert(tmp_path / "new", tmp_path / "newer", task="qa")
    assert convert(tmp_path / "new", tmp_path / "newer", task="qa", allow_random_head=True).parameters == 89_496
    with pytest.raises(InputError, match="there is no task"):
        convert(h5, tmp_path / "newest", task="squad")


def test_backbone_is_kept_if_architectures_name_no_known_head(h5: Path, tmp_path: Path) -> None:
    values = json.loads((h5 / "config.json").read_text())
    (h5 / "config.json").write_text(json.dumps(values | {"architectures": ["ConvBertForSomethingElse"]}))
    assert convert(h5, tmp_path / "new").head == "ConvBertModel"
    ConvBertModel.from_pretrained(tmp_path / "new")


def test_failed_conversion_keeps_the_old_files(h5: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("no space left")

    (h5 / "notes.txt").write_text("mine")
    before = {path: path.read_bytes() for path in h5.iterdir()}
    monkeypatch.setattr("shutil.copyfile", fail)
    for output in (h5, tmp_path / "deep" / "new"):
        with pytest.raises(OSError, match="no space left"):
            convert(h5, output)
    assert {path: path.read_bytes() for path in h5.iterdir()} == before
    assert list(tmp_path.iterdir()) == [h5]


def test_checkpoint_can_be_converted_in_place(h5: Path) -> None:
    first = convert(h5, h5)
    (h5 / "tf_model.h5").unlink()
    assert convert(h5, h5).sha256 == first.sha256


def test_invalid_sources_and_outputs_are_refused(h5: Path, tmp_path: Path) -> None:
    with pytest.raises(FileMissingError, match="is missing: name a directory"):
        convert(tmp_path / "nowhere", tmp_path / "new")
    with pytest.raises(CheckpointError, match="is a file: name a directory"):
        convert(h5, h5 / "config.json")
    with pytest.raises(InputError, match=r"do not pass revision=\.\.\."):
        convert(h5, tmp_path / "new", revision="main")


def test_convert_command_reports_the_result(h5: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["convert", str(h5), "-o", str(tmp_path / "new")])
    assert result.exit_code == 0
    assert result.stdout == (
        f"{tmp_path / 'new'}: ConvBertForQuestionAnswering of h5, 89,496 parameters; tokenizer: vocab.txt\n"
    )
    result = CliRunner().invoke(main, ["convert", str(h5), "-o", str(tmp_path / "new"), "--task", "features", "--json"])
    assert json.loads(result.stdout)["head"] == "ConvBertModel"
    result = CliRunner().invoke(main, ["convert", str(tmp_path / "no"), "-o", str(tmp_path / "new")])
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
