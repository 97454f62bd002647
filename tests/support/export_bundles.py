"""Export the toy checkpoints, for tests on machines without torch: python tests/support/export_bundles.py DIRECTORY."""

import sys
from itertools import product
from pathlib import Path
from typing import Any

from golden import ARCHITECTURES, CHECKPOINTS


def export_bundle(path: Path, checkpoint: Path, target: Any, padding: Any) -> None:
    from convbert_onnx.exporters import export

    export(checkpoint, path, target=target, padding=padding)


def main(folder: Path) -> None:
    for architecture, target, padding in product(ARCHITECTURES, ("cpu", "portable"), ("masked", "as-trained")):
        path = folder / f"{architecture}-{target}-{padding}.onnx"
        export_bundle(path, CHECKPOINTS / f"{architecture}-question-answering", target, padding)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
