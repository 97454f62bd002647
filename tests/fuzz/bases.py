"""The exported toys that bundles, JSON Lines and arguments are fuzzed with: all tasks, targets and two precisions.

python -m tests.fuzz.bases DIRECTORY BUNDLES exports them, or copies what tests/support/export_bundles.py has put into
BUNDLES. The targets open what is in the directory that FUZZ_BUNDLES names.
"""

import os
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from shutil import copy
from typing import Any

__all__ = ["CALLS", "CHECKPOINTS", "base_names", "base_path"]

CHECKPOINTS = Path(__file__).parents[1] / "data" / "checkpoints"
CALLS: dict[str, dict[str, Any]] = {
    "feature-extraction": {"inputs": "The dust falls on the Amazon."},
    "fill-mask": {"inputs": "The dust [MASK] on the Amazon.", "top_k": 2},
    "text-classification": {"inputs": {"text": "The dust falls.", "text_pair": "It falls."}},
    "multiple-choice": {"prompt": "The dust", "choices": ["falls.", "sings."]},
    "token-classification": {"inputs": "Dust falls on Brazil.", "aggregation_strategy": "simple"},
    "question-answering": {"question": "Where is the dust from?", "context": "The dust is from the Sahara."},
}
"""A call of the pipeline of each task that has a head."""


@cache
def base_names() -> tuple[str, ...]:
    """The names of the files, such as ``fill-mask-portable-int8``."""
    return tuple(sorted(path.stem for path in _folder().glob("*.onnx")))


def base_path(name: str) -> Path:
    """The file of a name."""
    return _folder() / f"{name}.onnx"


def _folder() -> Path:
    return Path(os.environ["FUZZ_BUNDLES"])


def export_base(folder: Path, bundles: Path, task: str, target: Any) -> None:
    from convbert_onnx.exporters import export, quantize

    exported, known = folder / f"{task}-{target}-fp32.onnx", bundles / f"plain-{task}-{target}-masked.onnx"
    if known.exists():
        copy(known, exported)
    else:
        tokenizer = CHECKPOINTS / "plain-question-answering"
        export(CHECKPOINTS / f"plain-{task}", exported, target=target, tokenizer=tokenizer)
    quantize(exported, folder / f"{task}-{target}-int8.onnx")


def main(folder: Path, bundles: Path) -> None:
    folder.mkdir(parents=True)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        for done in [pool.submit(export_base, folder, bundles, *kind) for kind in product(CALLS, ("cpu", "portable"))]:
            done.result()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
