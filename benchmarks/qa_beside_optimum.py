"""Time our fp32 export of the base preset beside optimum's, in one process, interleaved; then both from a cold start.

    python benchmarks/qa_beside_optimum.py --peers PEERS/bin/python [--threads 2]

``--peers`` is the Python of an environment with ``optimum-onnx[onnxruntime]`` and transformers; this script's own needs
``convbert-onnx[cpu,export]``. Weights are random: time does not depend on them.
"""

import argparse
import json
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch

from convbert_onnx.exporters import export
from convbert_onnx.models import PRESETS, ConvBertForQuestionAnswering
from convbert_onnx.runtime.session import open_session

REST_S = 0.06
"""onnxruntime's idle threads spin for a while after a run and would slow down whoever comes next."""

QUESTION = "What is the capital of Scotland?"
CONTEXT = "Edinburgh has been the capital of Scotland since the fifteenth century. " * 12

# Peak memory is VmHWM: ru_maxrss would count what this script's process had before the new program replaced it.
OURS = r"""
import json, re, sys, time
begin = time.perf_counter()
from convbert_onnx import ConvBertOnnxPipeline
pipe = ConvBertOnnxPipeline(sys.argv[1], threads=int(sys.argv[2]))
pipe(question=sys.argv[3], context=sys.argv[4])
seconds = time.perf_counter() - begin
print(json.dumps([seconds, int(re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read())[1]) / 1024]))
"""

OPTIMUM = r"""
import json, re, sys, time, warnings
warnings.simplefilter("ignore")
begin = time.perf_counter()
import onnxruntime
from optimum.onnxruntime import ORTModelForQuestionAnswering
from transformers import AutoTokenizer, pipeline
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = int(sys.argv[2])
model = ORTModelForQuestionAnswering.from_pretrained(sys.argv[1], session_options=options)
pipe = pipeline("question-answering", model=model, tokenizer=AutoTokenizer.from_pretrained(sys.argv[1]))
pipe(question=sys.argv[3], context=sys.argv[4])
seconds = time.perf_counter() - begin
print(json.dumps([seconds, int(re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read())[1]) / 1024]))
"""


def time_interleaved(sessions: dict[str, Any], batch: int, length: int, repeats: int) -> dict[str, list[float]]:
    """Milliseconds of each run, the sessions taking turns."""
    random = np.random.default_rng(0)
    feed = {
        "input_ids": random.integers(0, 30522, (batch, length)),
        "attention_mask": np.ones((batch, length), np.int64),
        "token_type_ids": np.zeros((batch, length), np.int64),
    }
    times: dict[str, list[float]] = {name: [] for name in sessions}
    for turn in range(repeats + 2):
        for name, session in sessions.items():
            time.sleep(REST_S)
            begin = time.perf_counter()
            session.run(None, feed)
            if turn >= 2:  # the first ones warm up
                times[name].append(1000 * (time.perf_counter() - begin))
    return times


def cold_start(python: str, program: str, path: Path, threads: int, repeats: int) -> tuple[float, float]:
    """Median seconds from an empty process to a first answer, and its peak memory in MB."""
    results = []
    for _ in range(repeats):
        command = [python, "-c", program, str(path), str(threads), QUESTION, CONTEXT]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        results.append(json.loads(output.splitlines()[-1]))
    return statistics.median(seconds for seconds, _ in results), statistics.median(memory for _, memory in results)


def main() -> None:
    """Export with both, measure, print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", required=True, help="Python with optimum-onnx and transformers")
    parser.add_argument("--tokenizer", default="tests/data/checkpoints/plain-question-answering", type=Path)
    parser.add_argument("--threads", default=2, type=int)
    parser.add_argument("--repeats", default=21, type=int)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        checkpoint, theirs, ours = Path(folder, "checkpoint"), Path(folder, "optimum"), Path(folder, "model.onnx")
        torch.manual_seed(0)
        ConvBertForQuestionAnswering(PRESETS["base"]).save_pretrained(checkpoint)
        for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"):
            shutil.copy(arguments.tokenizer / name, checkpoint)
        export(checkpoint, ours)
        export_cli = ["-m", "optimum.commands.optimum_cli", "export", "onnx", "--task", "question-answering"]
        subprocess.run(
            [arguments.peers, *export_cli, "--model", str(checkpoint), str(theirs)], check=True, capture_output=True
        )
        files = {"optimum-onnx": theirs / "model.onnx", "convbert-onnx": ours}
        sessions = {name: open_session(path, threads=arguments.threads)[0] for name, path in files.items()}
        rows = []
        for batch, length in ((1, 16), (1, 128), (8, 128), (1, 384)):
            times = time_interleaved(sessions, batch, length, arguments.repeats)
            medians = [statistics.median(times[name]) for name in files]
            spreads = [f"{min(times[name]):.1f} to {max(times[name]):.1f}" for name in files]
            rows.append(
                f"| {batch}x{length} | {medians[0]:.1f} ms ({spreads[0]}) | {medians[1]:.1f} ms ({spreads[1]}) | "
                f"{medians[0] / medians[1]:.2f} |"
            )
        sessions.clear()
        cold = {
            "optimum-onnx": cold_start(arguments.peers, OPTIMUM, theirs, arguments.threads, 3),
            "convbert-onnx": cold_start(sys.executable, OURS, ours, arguments.threads, 3),
        }
    conditions = (_cpu(), f"{arguments.threads} threads", f"onnxruntime {onnxruntime.__version__}")
    print(f"{', '.join(conditions)}, medians of {arguments.repeats}\n")
    print("| base, fp32 | optimum-onnx | convbert-onnx | ratio |\n|---|---|---|---|")
    print("\n".join(rows))
    for number, unit, what in ((0, "s", "first answer from a cold start"), (1, "MB", "peak memory of that process")):
        before, after = cold["optimum-onnx"][number], cold["convbert-onnx"][number]
        print(f"| {what} | {before:.2f} {unit} | {after:.2f} {unit} | {before / after:.2f} |")


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.split(": ")[1] for line in lines if line.startswith("model name")), platform.processor())


if __name__ == "__main__":
    main()
