import json
from pathlib import Path

import onnx
import pytest
from golden import TASKS, Exported
from quantized_files import LABELLED, with_metadata

from convbert_onnx import ConvBertOnnxPipeline
from convbert_onnx.exporters import quantize
from convbert_onnx.exporters.quantization.compare import Reference
from convbert_onnx.runtime import evaluate


@pytest.mark.parametrize("longest", [16, 6])
@pytest.mark.parametrize("task", TASKS)
def test_sample_text_is_truncated_to_the_model(exported: Exported, tmp_path: Path, task: str, longest: int) -> None:
    short = with_metadata(exported("plain", task=task), tmp_path / "short.onnx", settings={"model_max_length": longest})
    reference = Reference(short)
    comparison = reference.compare(short)
    assert comparison.texts == (16 if task == "question-answering" else 15)
    assert comparison.same_answers in (None, comparison.texts)
    assert comparison.worst_difference == reference.mean_difference(short) == 0


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
        with_metadata(source, target, {"convbert_onnx.tokenizer.json": json.dumps(tokenizer)})
        comparison = Reference(target).compare(target)
        assert 0 < comparison.texts <= 15
        assert comparison.same_answers == comparison.texts


def test_labelled_data_are_compared_by_the_tasks_metric(exported: Exported) -> None:
    data = LABELLED["text-classification"]
    original, other = exported(task="text-classification"), exported("grouped", task="text-classification")
    comparison = Reference(original, data).compare(other)
    assert comparison.texts > comparison.same_answers > 0  # type: ignore[operator]
    assert (comparison.data, comparison.metric) == (data.name, "accuracy")
    assert comparison.before == evaluate(original, data).metrics["accuracy"]
    assert comparison.after == evaluate(other, data).metrics["accuracy"]


def test_the_reference_is_run_once_for_several_comparisons(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quantized = tmp_path / "quantized.onnx"
    quantize(exported(), quantized, precision="int8-weights")
    reference = Reference(exported())
    comparisons = [reference.compare(file) for file in (quantized, exported())]
    monkeypatch.delattr(reference, "pipe")
    monkeypatch.setattr(reference, "_open", ConvBertOnnxPipeline)
    differences = [reference.mean_difference(file) for file in (quantized, exported())]
    assert differences == [comparison.mean_difference for comparison in comparisons]
    assert differences[0] > differences[1] == 0


def test_feature_extraction_has_no_answers(exported: Exported) -> None:
    file = exported(task="feature-extraction")
    comparison = Reference(file).compare(file)
    assert (comparison.texts, comparison.same_answers, comparison.worst_difference) == (15, None, 0)
