"""Cold start: the time from a new process to the first answer (imports, loading, tokenization, one run)."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.environment import ROOT

__all__ = ["PROGRAMS", "cold_start"]

_QUESTION = "What is the capital of Scotland?"
_CONTEXT = "Edinburgh has been the capital of Scotland since the fifteenth century. " * 12

_TRANSFORMERS = """
import torch
from transformers import AutoModelForQuestionAnswering, AutoTokenizer, pipeline
torch.set_num_threads(threads)
model = AutoModelForQuestionAnswering.from_pretrained(path)
pipe = pipeline("question-answering", model=model, tokenizer=AutoTokenizer.from_pretrained(path))
"""

_OPTIMUM = """
import onnxruntime
from optimum.onnxruntime import ORTModelForQuestionAnswering
from transformers import AutoTokenizer, pipeline
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = threads
path, _, name = path.rpartition("/")
model = ORTModelForQuestionAnswering.from_pretrained(path, file_name=name, session_options=options)
pipe = pipeline("question-answering", model=model, tokenizer=AutoTokenizer.from_pretrained(path))
"""

_OURS = """
from convbert_onnx import ConvBertOnnxPipeline
pipe = ConvBertOnnxPipeline(path, threads=threads)
"""

PROGRAMS = {
    "transformers": _TRANSFORMERS,
    "optimum": _OPTIMUM,
    "optimum int8": _OPTIMUM,
    "ours cpu": _OURS,
    "ours int8": _OURS,
}
"""By backend, the code that creates a pipeline ``pipe`` from the variables ``path`` and ``threads``."""

_SCRIPT = """
import sys, time, warnings
warnings.simplefilter("ignore")
path, threads, question, context = sys.argv[1], int(sys.argv[2]), *sys.argv[3:]
begin = time.perf_counter()
{program}
pipe(question=question, context=context)
seconds = time.perf_counter() - begin
import json
from convbert_onnx.runtime.benchmarking.memory import peak_memory
print(json.dumps({{"seconds": seconds, "peak_memory": peak_memory()}}))
"""


def cold_start(backend: str, path: Path, threads: int) -> dict[str, Any]:
    """Measure the ``seconds`` to the first answer and the ``peak_memory`` of the process in bytes.

    Raises:
        CalledProcessError: the program failed; its ``stderr`` says why.
    """
    program = _SCRIPT.format(program=PROGRAMS[backend].strip())
    command = [sys.executable, "-c", program, str(path), str(threads), _QUESTION, _CONTEXT]
    # Allow .pyc files, as in a normal install: modules are compiled by the first start only.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    output = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout
    result: dict[str, Any] = json.loads(output.splitlines()[-1])
    return result
