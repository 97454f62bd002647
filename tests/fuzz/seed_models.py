"""The exported toy models that fuzz targets start from: all tasks and targets, in fp32 and int8.

``python -m tests.fuzz.seed_models DIRECTORY BUNDLES`` writes them to DIRECTORY, copying the files that
tests/support/export_bundles.py has written to BUNDLES. The targets use the directory in the variable FUZZ_BUNDLES.
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

__all__ = ["CALLS", "CHECKPOINTS", "seed_model_names", "seed_model_path"]

CHECKPOINTS = Path(__file__).parents[1] / "data" / "checkpoints"
CALLS: dict[str, dict[str, Any]] = {
    "feature-extraction": {"inputs": "The dust falls on the Amazon."},
    "fill-mask": {"inputs": "The dust [MASK] on the Amazon.", "top_k": 2},
    "text-classification": {"inputs": {"text": "The dust falls.", "text_pair": "It falls."}},
    "multiple-choice": {"prompt": "The dust", "choices": ["falls.", "sings."]},
    "token-classification": {"inputs": "Dust falls on Brazil.", "aggregation_strategy": "simple"},
    "question-answering": {"question": "Where is the dust from?", "context": "The dust is from the Sahara."},
}
"""A pipeline call for each task that has a head."""


@cache
def seed_model_names() -> tuple[str, ...]:
    """The names of the models, such as ``fill-mask-portable-int8``."""
    return tuple(sorted(path.stem for path in _folder().glob("*.onnx")))


def seed_model_path(name: str) -> Path:
    """The file of a model."""
    return _folder() / f"{name}.onnx"


def _folder() -> Path:
    return Path(os.environ["FUZZ_BUNDLES"])


def export_seed_model(folder: Path, bundles: Path, task: str, target: Any) -> None:
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
        for done in [
            pool.submit(export_seed_model, folder, bundles, *kind) for kind in product(CALLS, ("cpu", "portable"))
        ]:
            done.result()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
