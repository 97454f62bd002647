"""optimum as a neighbour: what we export loads in its classes."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import transformers
from golden import ARCHITECTURES, CHECKPOINTS, Exported, pipeline_cases, same_result

# optimum imports parts of transformers and torch that are about to go.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_cpu_file_answers_in_optimums_class(exported: Exported, tmp_path: Path, architecture: str) -> None:
    from optimum.onnxruntime import ORTModelForQuestionAnswering

    shutil.copytree(CHECKPOINTS / f"{architecture}-question-answering", tmp_path, dirs_exist_ok=True)
    (tmp_path / "model.safetensors").unlink()
    shutil.copy(exported(architecture), tmp_path / "model.onnx")
    model: Any = ORTModelForQuestionAnswering.from_pretrained(tmp_path)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    pipe = transformers.pipeline("question-answering", model=model, tokenizer=tokenizer)
    for case in pipeline_cases(architecture, "question-answering")[:5]:
        assert same_result(pipe(**case["inputs"], **case["kwargs"]), case["output"])
