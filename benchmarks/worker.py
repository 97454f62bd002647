"""The process of one backend: ``python -m benchmarks.worker NAME FOLDER THREADS``.

Loads the backend's file, then runs it once for each line of its input. Lines are JSON in both directions: first
``{"open_ms", "note"}``, then ``{"ms"}`` for each ``[batch, length]``, at the end ``{"peak_memory"}`` in bytes.
"""

import json
import os
import sys
import time
from importlib import import_module
from pathlib import Path

from benchmarks.backends import BACKENDS
from benchmarks.files import FILES
from convbert_onnx.runtime.benchmarking.memory import peak_memory


def main(name: str, folder: Path, threads: int) -> None:
    """Answer each input line until the input ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # output that packages print must not mix with the answers
    backend = next(backend for backend in BACKENDS if backend.name == name)
    for module in backend.imports:
        import_module(module)
    begin = time.perf_counter()
    loaded = backend.load(folder / FILES[backend.file].path, threads)
    print(json.dumps({"open_ms": 1000 * (time.perf_counter() - begin), "note": loaded.note}), file=answers)
    shape, feed = None, None
    for line in sys.stdin:
        if json.loads(line) != shape:
            shape = json.loads(line)
            feed = loaded.feed(*shape)
        begin = time.perf_counter()
        loaded.run(feed)
        print(json.dumps({"ms": 1000 * (time.perf_counter() - begin)}), file=answers)
    print(json.dumps({"peak_memory": peak_memory()}), file=answers)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
