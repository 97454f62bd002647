"""Benchmark every backend on each model, and write the results as JSON, Markdown and plots."""

import argparse
import json
import sys
from pathlib import Path

from benchmarks.environment import ROOT, WORK, enter

SHAPES = [(1, 16), (1, 128), (8, 128), (1, 384), (32, 64)]
"""Batch size and sequence length of each column of the tables."""

LENGTHS = (16, 32, 64, 128, 256, 384, 512)
"""Sequence lengths of the plot over length, at batch size 1."""

BATCHES = (1, 2, 4, 8, 16, 32, 64)
BATCH_LENGTH = 64
"""Batch sizes of the plot over batch size, and their sequence length."""

QUICK = ("--models", "toy", "--shapes", "1x16,2x64", "--repeats", "3", "--cold-starts", "1", "--no-growth")


def main(argv: list[str]) -> None:
    """Measure, and write ``results.json``, ``README.md`` and the plots."""
    options = _parse([*QUICK, *argv] if "--quick" in argv else argv)
    if not options.here:
        enter()
    from benchmarks.markdown import write_page
    from benchmarks.measure import measure
    from benchmarks.plots import write_plots
    from benchmarks.system_info import describe_system

    shapes = set(options.shapes)
    if options.growth:
        shapes |= {(1, length) for length in LENGTHS} | {(batch, BATCH_LENGTH) for batch in BATCHES}
    results = {"system": describe_system(), "threads": options.threads, "shapes": options.shapes, "models": []}
    options.output.mkdir(parents=True, exist_ok=True)
    for model in options.models:
        results["models"].append(measure(model, sorted(shapes), options))
        # Written after every model, so that a failure in the next one loses nothing.
        (options.output / "results.json").write_text(json.dumps(results) + "\n")
        write_page(results, options.output / "README.md", write_plots(results, options.output))
    print((options.output / "README.md").read_text())


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    models = ["base", "medium-small", "small"]
    parser.add_argument("--models", type=_words, default=models, help="any of base, medium-small, small and toy")
    parser.add_argument("--shapes", type=_shapes, default=SHAPES, help="batch size and length, such as 1x16,8x128")
    parser.add_argument(
        "--only", type=_words, default=[""], help="names of backends or parts of them, such as 'ours,optimum int8'"
    )
    parser.add_argument(
        "--growth", action=argparse.BooleanOptionalAction, default=True, help="measure more shapes, for the plots"
    )
    parser.add_argument("--threads", type=int, default=2, help="threads of each backend")
    parser.add_argument("--repeats", type=int, default=15, help="timed runs of each backend at each shape")
    parser.add_argument("--patience", type=float, default=180, help="seconds per shape before five timed runs suffice")
    parser.add_argument("--cold-starts", type=int, default=3, help="cold starts of each backend")
    parser.add_argument("--keep", action="store_true", help="reuse the model files of an earlier run")
    parser.add_argument("--here", action="store_true", help="use the running Python's packages, not an own environment")
    parser.add_argument("--quick", action="store_true", help=f"a trial of a few minutes: {' '.join(QUICK)}")
    parser.add_argument("--output", type=Path, help="folder of the results (default: benchmarks/results)")
    options = parser.parse_args(argv)
    options.output = options.output or (WORK / "quick" if options.quick else ROOT / "benchmarks" / "results")
    return options


def _words(text: str) -> list[str]:
    return text.split(",")


def _shapes(text: str) -> list[tuple[int, int]]:
    pairs = (word.split("x") for word in text.split(","))
    return [(int(batch), int(length)) for batch, length in pairs]


if __name__ == "__main__":
    main(sys.argv[1:])
