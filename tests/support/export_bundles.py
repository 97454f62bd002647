"""Export the toy checkpoints and the custom operators, for tests on machines without torch.

python tests/support/export_bundles.py DIRECTORY
"""

import sys
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from golden import ARCHITECTURES, CHECKPOINTS, TASKS, bundle_name
from operator_files import write_operator_files


def export_bundle(path: Path, architecture: str, task: str, target: Any, padding: Any) -> None:
    from convbert_onnx.exporters import export

    # All tasks of an architecture share the tokenizer, which only one of the checkpoints contains.
    tokenizer = CHECKPOINTS / f"{architecture}-question-answering"
    export(CHECKPOINTS / f"{architecture}-{task}", path, target=target, padding=padding, tokenizer=tokenizer)


def kinds() -> list[tuple[str, str, str, str]]:
    """Architecture, task, target and padding of every file that tests use."""
    masked = [(architecture, task, "cpu", "masked") for architecture, task in product(ARCHITECTURES, TASKS)]
    portable = [(architecture, "question-answering", "portable", "masked") for architecture in ARCHITECTURES]
    common = product(ARCHITECTURES, ("question-answering", "token-classification"))
    as_trained = {*common, *(("plain", task) for task in TASKS)}
    return masked + portable + [(*kind, "cpu", "as-trained") for kind in sorted(as_trained)]


def main(folder: Path) -> None:
    write_operator_files(folder / "operators")
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        for future in [pool.submit(export_bundle, folder / bundle_name(*kind), *kind) for kind in kinds()]:
            future.result()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
