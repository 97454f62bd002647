"""Train the models, write every variant, and report how each changes accuracy and answers."""

import argparse
import json
import subprocess
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.accuracy.data import TASKS, write_data
from benchmarks.accuracy.train import train
from benchmarks.accuracy.variants import FP32, VARIANTS
from benchmarks.environment import ROOT, WORK
from convbert_onnx import ConvBertOnnxPipeline
from convbert_onnx.runtime.evaluation.evaluate import labelled_examples, score
from convbert_onnx.runtime.evaluation.metrics import wilson_interval
from convbert_onnx.runtime.evaluation.predictions import predict

_MAX_TEXTS = 5_000
"""Evaluated texts per task, enough for a narrow confidence interval."""

_HEADER = """\
# How quantization changes answers

ConvBERT models with six layers (hidden size 256), trained from random weights and evaluated on texts from other
articles or sources, used neither for training nor for calibration. `python -m benchmarks.accuracy FOLDER` writes this
page; `benchmarks/accuracy/data.py` lists the contents of the folder. Unchanged answers have 95 % Wilson intervals;
optimum's file is quantized with `--avx2 --per_channel`.
"""


def main() -> None:
    """Train the models that do not exist yet, and evaluate all variants."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__)
    parser.add_argument("public", type=Path, help="folder of the public data")
    parser.add_argument("--tasks", nargs="+", choices=list(TASKS), default=list(TASKS))
    parser.add_argument("--work", type=Path, default=WORK / "accuracy", help="folder of the models")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "results" / "accuracy")
    options = parser.parse_args()
    saved = options.output.with_suffix(".json")
    results = json.loads(saved.read_text()) if saved.exists() else {}  # keeps the tasks that this run leaves out
    for task in options.tasks:
        rows = _measure(task, options.public, options.work / task)
        results[task] = {"date": f"{date.today()}", "commit": _commit(), "rows": rows}
    saved.write_text(json.dumps(results, indent=1) + "\n")
    options.output.with_suffix(".md").write_text(_page(results))
    print(options.output.with_suffix(".md").read_text())


def _measure(task: str, public: Path, folder: Path) -> list[dict[str, Any]]:
    """One row per variant, fp32 first."""
    if not (folder / "checkpoint" / "model.safetensors").exists():
        folder.mkdir(parents=True, exist_ok=True)
        train(task, folder, public, write_data(task, public, folder))
    rows: list[dict[str, Any]] = []
    baseline: list[Any] = []
    for name, make in VARIANTS.items():
        file = folder / (name if name == "optimum int8" else f"{name}.onnx")
        if not file.exists():
            print(f"{task}: writing {name}", flush=True)
            make(task, folder, file)
        pipe = ConvBertOnnxPipeline(file, task, threads=2)
        examples = labelled_examples(pipe, folder / TASKS[task].test)[:_MAX_TEXTS]
        answers = predict(pipe, examples)
        baseline = baseline or answers
        same = sum(answer == expected for answer, expected in zip(answers, baseline, strict=True))
        scores = score(task, examples, answers)
        rows.append(
            {
                "variant": name,
                "texts": len(examples),
                "same": same,
                "interval": wilson_interval(same, len(examples)),
                "metrics": scores.metrics,
                "main": scores.main,
            }
        )
        print(f"{task}: {name}: {same} of {len(examples)}, {scores.main} {scores.metrics[scores.main]:.4f}", flush=True)
    return rows


def _commit() -> str:
    """The commit that is measured: tasks may come from runs of different commits."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _page(results: dict[str, dict[str, Any]]) -> str:
    parts = [_HEADER]
    for task, measured in results.items():
        rows = measured["rows"]
        main = rows[0]["main"]
        lines = [
            f"## {task}, {rows[0]['texts']:,} texts, {measured['date']}, commit {measured['commit']}\n",
            f"| variant | {main} | change from fp32, points | answers unchanged |",
            "|---|---|---|---|",
        ]
        before = rows[0]["metrics"][main]
        for row in rows:
            low, high = row["interval"]
            after = row["metrics"][main]
            share = f"{row['same'] / row['texts']:.2%} ({low:.2%} to {high:.2%})" if row["variant"] != FP32 else ""
            lines.append(f"| {row['variant']} | {after:.2%} | {100 * (after - before):+.2f} | {share} |")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    main()
