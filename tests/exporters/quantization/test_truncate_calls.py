"""Text that ships with the exporter, cut for models of very short texts."""

import json
from pathlib import Path
from typing import Any

import onnx
import pytest
from golden import TASKS, Exported

from convbert_onnx import ConvBertOnnxPipeline
from convbert_onnx.errors import InputError
from convbert_onnx.exporters import quantize
from convbert_onnx.exporters.quantization.calibrate import calibrate
from convbert_onnx.exporters.quantization.compare import Reference
from convbert_onnx.exporters.quantization.truncate_calls import cut_call
from convbert_onnx.runtime.evaluation.sample_text import QUESTIONS


def change(source: Path, target: Path, **entries: Any) -> Path:
    """A copy of a file with other texts in its metadata; for settings of the tokenizer, give ``settings``."""
    model = onnx.load(source)
    values = {entry.key: entry.value for entry in model.metadata_props}
    settings = json.loads(values["convbert_onnx.tokenizer_config.json"]) | entries.pop("settings", {})
    onnx.helper.set_model_props(model, values | {"convbert_onnx.tokenizer_config.json": json.dumps(settings)} | entries)
    onnx.save(model, target)
    return target


@pytest.mark.parametrize("longest", [16, 6])
@pytest.mark.parametrize("task", TASKS)
def test_the_sample_is_cut_to_the_model(exported: Exported, tmp_path: Path, task: str, longest: int) -> None:
    short = change(exported("plain", task=task), tmp_path / "short.onnx", settings={"model_max_length": longest})
    reference = Reference(short)
    comparison = reference.compare(short)
    assert comparison.texts == (16 if task == "question-answering" else 15)
    assert comparison.same_answers in (None, comparison.texts)
    assert comparison.worst_difference == reference.mean_difference(short) == 0


def test_questions_are_cut_only_where_they_have_to_be(exported: Exported, tmp_path: Path) -> None:
    short = change(exported("plain"), tmp_path / "short.onnx", settings={"model_max_length": 16})
    call = {"question": QUESTIONS[0][0], "context": QUESTIONS[0][1]}
    assert cut_call(ConvBertOnnxPipeline(short), call)["max_question_len"] == 6
    assert cut_call(ConvBertOnnxPipeline(exported("plain")), call)["max_question_len"] == 64
    assert cut_call(ConvBertOnnxPipeline(short), call | {"max_question_len": 3})["max_question_len"] == 3


def test_a_vocabulary_without_a_word_of_the_sample_is_compared(exported: Exported, tmp_path: Path) -> None:
    source = exported("plain", task="fill-mask")
    tokenizer = json.loads(next(p.value for p in onnx.load(source).metadata_props if p.key.endswith("tokenizer.json")))
    vocabulary = {f"unused{number}": number for number in range(len(tokenizer["model"]["vocab"]))}
    special = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
    numbers = {name: tokenizer["model"]["vocab"][name] for name in special}
    kept = {name: number for name, number in vocabulary.items() if number not in numbers.values()} | numbers
    for words in ({}, {"river": kept.pop("unused2000")}):
        tokenizer["model"]["vocab"] = kept | words
        target = tmp_path / "other.onnx"
        change(source, target, **{"convbert_onnx.tokenizer.json": json.dumps(tokenizer)})
        comparison = Reference(target).compare(target)
        assert 0 < comparison.texts <= 15
        assert comparison.same_answers == comparison.texts


def test_long_text_calibrates_a_short_model(exported: Exported, tmp_path: Path) -> None:
    short = change(
        exported("plain", task="text-classification"), tmp_path / "short.onnx", settings={"model_max_length": 16}
    )
    text = tmp_path / "text.txt"
    text.write_text(f"{QUESTIONS[0][1]}\nBread rises.\n")
    with pytest.raises(InputError, match="where the model reads 16"):
        ConvBertOnnxPipeline(short)(QUESTIONS[0][1])
    assert calibrate(short, text, "min-max")
    assert quantize(short, tmp_path / "int8.onnx").comparison
