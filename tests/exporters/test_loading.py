"""What an export is made of: the source, its task, its model and its tokenizer."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from golden import CHECKPOINTS
from torch import nn

from convbert_onnx import ConvBertTokenizerFast
from convbert_onnx.errors import ExportError, FileMissingError, InputError, InputTypeError
from convbert_onnx.exporters.loading import find_source, load
from convbert_onnx.models import ConvBertForQuestionAnswering, ConvBertModel
from convbert_onnx.models.checkpoint import hash_weights

PLAIN = CHECKPOINTS / "plain-question-answering"


@pytest.fixture
def headless(tmp_path: Path) -> Path:
    """The plain checkpoint without its head, as pretrained models are released."""
    ConvBertModel.from_pretrained(PLAIN).save_pretrained(tmp_path / "headless")
    shutil.copy(PLAIN / "tokenizer.json", tmp_path / "headless")
    return tmp_path / "headless"


def test_find_source_names_a_directory_and_a_model_inside_wrappers() -> None:
    source = find_source(PLAIN)
    assert (source.model, source.name) == (PLAIN, "plain-question-answering")
    model = ConvBertForQuestionAnswering.from_pretrained(PLAIN)
    wrapped = find_source(nn.DataParallel(model))
    assert (wrapped.model, wrapped.name, wrapped.config) == (model, "ConvBertForQuestionAnswering", model.config)


def test_find_source_refuses_what_is_not_a_model(tmp_path: Path) -> None:
    with pytest.raises(FileMissingError, match="save_pretrained"):
        find_source(tmp_path / "nowhere")
    with pytest.raises(InputTypeError, match="not int"):
        find_source(5)  # type: ignore[arg-type]


def test_load_takes_the_task_of_the_head_unless_told_otherwise() -> None:
    source = find_source(PLAIN)
    loaded = load(source, None, "masked")
    assert (loaded.task.name, loaded.model.training, loaded.name) == ("question-answering", False, source.name)
    assert loaded.weights_sha256 == hash_weights(loaded.model.state_dict())
    features = load(source, "features", "masked")
    assert features.task.name == "feature-extraction"
    assert type(features.model) is ConvBertModel


def test_load_needs_a_task_that_the_source_has(headless: Path) -> None:
    text = (headless / "config.json").read_text().replace('"ConvBertModel"', "")
    (headless / "config.json").write_text(text)
    with pytest.raises(InputError, match="pass task="):
        load(find_source(headless), None, "masked")
    with pytest.raises(ExportError, match="a ConvBertModel cannot do question-answering"):
        load(find_source(ConvBertModel.from_pretrained(PLAIN)), "qa", "masked", PLAIN)


def test_load_needs_a_tokenizer_that_fits(headless: Path, tmp_path: Path) -> None:
    model = find_source(ConvBertForQuestionAnswering.from_pretrained(PLAIN))
    with pytest.raises(FileMissingError, match="pass tokenizer="):
        load(model, None, "masked")
    tokenizer = ConvBertTokenizerFast.from_pretrained(PLAIN)
    assert load(model, None, "masked", tokenizer).tokenizer is tokenizer
    with pytest.raises(InputError, match="only 3425 embeddings"):
        load(model, None, "masked", CHECKPOINTS / "cased-question-answering")
    (headless / "tokenizer.json").unlink()
    with pytest.raises(FileMissingError, match="no tokenizer was found"):
        load(find_source(headless), "features", "masked")


def test_load_compares_the_token_types_of_pairs_only() -> None:
    config = replace(find_source(PLAIN).config, type_vocab_size=1)
    with pytest.raises(InputError, match="has 2 token types for the texts of a pair, the model has 1"):
        load(find_source(ConvBertForQuestionAnswering(config)), None, "masked", PLAIN)
    assert load(find_source(ConvBertModel(config)), None, "masked", PLAIN).task.name == "feature-extraction"
