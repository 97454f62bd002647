"""A contestant in a process of its own: ``python -m benchmarks.worker NAME FOLDER THREADS``.

It opens its file, says so, and then makes one run for each line that it reads. Lines are JSON, in both directions:
``{"open_ms", "note"}`` first, then ``{"ms"}`` for each ``[batch, length]``, at the end ``{"peak_memory"}`` in bytes.
"""

import json
import os
import sys
import time
from importlib import import_module
from pathlib import Path

from benchmarks.backends import CONTESTANTS
from benchmarks.files import FILES
from convbert_onnx.runtime.benchmarking.memory import peak_memory


def main(name: str, folder: Path, threads: int) -> None:
    """Answer until the input ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what packages print must not get between the answers
    contestant = next(one for one in CONTESTANTS if one.name == name)
    for module in contestant.imports:
        import_module(module)
    begin = time.perf_counter()
    opened = contestant.open(folder / FILES[contestant.file].path, threads)
    print(json.dumps({"open_ms": 1000 * (time.perf_counter() - begin), "note": opened.note}), file=answers)
    shape, feed = None, None
    for line in sys.stdin:
        if json.loads(line) != shape:
            shape = json.loads(line)
            feed = opened.feed(*shape)
        begin = time.perf_counter()
        opened.run(feed)
        print(json.dumps({"ms": 1000 * (time.perf_counter() - begin)}), file=answers)
    print(json.dumps({"peak_memory": peak_memory()}), file=answers)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
