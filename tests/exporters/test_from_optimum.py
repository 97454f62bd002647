"""from_optimum(), our files in optimum's classes, and optimum's files in our pipeline."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from click.testing import CliRunner
from golden import (
    ARCHITECTURES,
    CHECKPOINTS,
    TASKS,
    Exported,
    batches,
    inputs_of,
    pipeline_cases,
    relative_difference,
    same_result,
)

from convbert_onnx import ConvBertOnnxPipeline
from convbert_onnx.cli import main
from convbert_onnx.errors import BundleError, FileMissingError
from convbert_onnx.exporters import from_optimum

# optimum imports deprecated parts of transformers and torch.
pytestmark = pytest.mark.filterwarnings("ignore")

CLASSES = {
    "feature-extraction": "ORTModelForFeatureExtraction",
    "fill-mask": "ORTModelForMaskedLM",
    "text-classification": "ORTModelForSequenceClassification",
    "multiple-choice": "ORTModelForMultipleChoice",
    "token-classification": "ORTModelForTokenClassification",
    "question-answering": "ORTModelForQuestionAnswering",
}

TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt")

Directory = Callable[[str], Path]


@pytest.fixture(scope="module")
def by_optimum(tmp_path_factory: pytest.TempPathFactory) -> Directory:
    """A function from a task to optimum's export of its plain checkpoint."""
    made: dict[str, Path] = {}

    def export(task: str) -> Path:
        from optimum.exporters.onnx import main_export

        if task not in made:
            made[task] = tmp_path_factory.mktemp(task)
            main_export(str(CHECKPOINTS / f"plain-{task}"), made[task], task=task, do_validation=False)
            for name in TOKENIZER:  # one of an architecture's checkpoints carries it
                shutil.copy(CHECKPOINTS / "plain-question-answering" / name, made[task])
        return made[task]

    return export


@pytest.fixture(scope="module")
def quantized(by_optimum: Directory, tmp_path_factory: pytest.TempPathFactory) -> Directory:
    """A function from a task to optimum's int8 file of that."""
    from optimum.onnxruntime import ORTQuantizer
    from optimum.onnxruntime.configuration import AutoQuantizationConfig

    def quantize(task: str) -> Path:
        folder = tmp_path_factory.mktemp(f"{task}-int8")
        settings = AutoQuantizationConfig.avx512_vnni(is_static=False, per_channel=True)
        ORTQuantizer.from_pretrained(by_optimum(task)).quantize(save_dir=folder, quantization_config=settings)
        for name in TOKENIZER:
            shutil.copy(by_optimum(task) / name, folder)
        return folder

    return quantize


def answers(pipe: Any, task: str) -> list[Any]:
    """The answers of a pipeline, ours or the reference's, to the golden cases."""
    return [ask(pipe, case) for case in cases(task)]


def cases(task: str) -> list[dict[str, Any]]:
    """Some golden cases that have an answer and no padded row."""
    found = (case for case in pipeline_cases("plain", task) if "output" in case and case.get("task") in (None, task))
    return [case for case in found if "stride" not in case["kwargs"]][:6]


def ask(pipe: Any, case: dict[str, Any]) -> Any:
    if isinstance(case["inputs"], dict) and "question" in case["inputs"]:
        return pipe(**case["inputs"], **case["kwargs"])
    return pipe(case["inputs"], **case["kwargs"])


def with_config_and_tokenizer(exported: Exported, architecture: str, task: str, folder: Path) -> Path:
    """A directory as ``layout="directory"`` writes it."""
    shutil.copytree(CHECKPOINTS / f"{architecture}-question-answering", folder, dirs_exist_ok=True)
    (folder / "model.safetensors").unlink()
    shutil.copy(CHECKPOINTS / f"{architecture}-{task}" / "config.json", folder)
    shutil.copy(exported(architecture, task=task), folder / "model.onnx")
    return folder


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_our_files_load_in_optimums_classes(exported: Exported, tmp_path: Path, architecture: str, task: str) -> None:
    import optimum.onnxruntime

    folder = with_config_and_tokenizer(exported, architecture, task, tmp_path)
    model = getattr(optimum.onnxruntime, CLASSES[task]).from_pretrained(folder)
    batch = next(batch for batch in batches(architecture, task) if any(name.startswith("row0.") for name in batch))
    with torch.inference_mode():
        outputs = model(**{name: torch.from_numpy(array) for name, array in inputs_of(batch).items()})
    compared = [name for name in outputs if f"row0.{name}" in batch]
    assert compared
    for name in compared:
        alone = batch[f"row0.{name}"]
        ours = outputs[name].numpy()[:1]
        cut = tuple(slice(0, size) for size in alone.shape)
        assert relative_difference(ours[cut], alone) < 1e-4
        assert relative_difference(ours[cut] + 1e-3 * np.abs(alone).max(), alone) > 1e-4


@pytest.mark.parametrize("task", [task for task in TASKS if task != "multiple-choice"])
def test_our_files_answer_the_same_in_optimums_pipeline(exported: Exported, tmp_path: Path, task: str) -> None:
    from optimum.onnxruntime import pipeline

    folder = with_config_and_tokenizer(exported, "plain", task, tmp_path)
    theirs = pipeline(task, model=str(folder), tokenizer=transformers.AutoTokenizer.from_pretrained(folder))
    ours = ConvBertOnnxPipeline(folder)
    found = answers(theirs, task)
    assert same_result(answers(ours, task), found)
    other = ConvBertOnnxPipeline(exported("cased", task=task))
    assert not same_result(ask(other, cases(task)[0]), found[0])


@pytest.mark.parametrize("task", TASKS)
def test_optimums_files_answer_the_same_in_our_pipeline(by_optimum: Directory, tmp_path: Path, task: str) -> None:
    record = from_optimum(by_optimum(task), tmp_path / "model.onnx")
    assert (record.task, record.target, record.precision, record.padding) == (task, "portable", "fp32", "as-trained")
    pipes = [ConvBertOnnxPipeline(path) for path in (by_optimum(task), tmp_path / "model.onnx")]
    if task == "multiple-choice":
        call = {"prompt": "The dust", "choices": ["falls on the Amazon.", "falls in the Sahara."]}
        assert pipes[0](**call) == pipes[1](**call)
        return
    for pipe in pipes:
        for case in cases(task):
            assert same_result(ask(pipe, case), case["output"]), case


@pytest.mark.parametrize("task", ["text-classification", "question-answering"])
def test_optimums_int8_files_answer_the_same_in_our_pipeline(quantized: Directory, tmp_path: Path, task: str) -> None:
    from optimum.onnxruntime import pipeline

    folder = quantized(task)
    assert from_optimum(folder, tmp_path / "model.onnx").precision == "int8"
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    theirs = answers(pipeline(task, model=str(folder), tokenizer=tokenizer), task)
    for path in (folder, tmp_path / "model.onnx"):
        assert same_result(answers(ConvBertOnnxPipeline(path), task), theirs)
    assert not same_result(theirs, [case["output"] for case in cases(task)], tolerance=1e-6)


def test_the_command_converts_a_directory_of_optimum(by_optimum: Directory, tmp_path: Path) -> None:
    folder, file = by_optimum("question-answering"), tmp_path / "one.onnx"
    exported = CliRunner().invoke(main, ["export", "--from-optimum", str(folder), "-o", str(file)])
    assert exported.exit_code == 0, exported.output
    assert "not compared with PyTorch, the graph is unchanged" in exported.output
    call = ["--question", "Where?", "--context", "The dust falls on the Amazon.", "--json"]
    results = [CliRunner().invoke(main, ["run", str(path), *call]) for path in (folder, file)]
    assert results[0].exit_code == 0, results[0].output
    assert json.loads(results[0].output) == json.loads(results[1].output)
    shown = [CliRunner().invoke(main, ["inspect", str(path)]).output for path in (folder, file)]
    assert "not exported by convbert-onnx" in shown[0]
    assert "padding as-trained" in shown[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--opset", "18"], "--opset has no effect with --from-optimum"),
        (["--model", "x"], "give either --model"),
    ],
)
def test_options_without_effect_are_refused(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(main, ["export", "--from-optimum", "DIR", *arguments])
    assert result.exit_code == 2
    assert message in result.output


def test_a_directory_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileMissingError, match=r"no \.onnx file"):
        from_optimum(tmp_path, tmp_path / "model.onnx")


def test_a_file_exported_by_convbert_onnx_is_refused(exported: Exported, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="one file already"):
        from_optimum(exported(), tmp_path / "model.onnx")
