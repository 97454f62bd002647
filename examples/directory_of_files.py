"""Ask one question of all text files in a directory. Files of any length are read in windows.

python examples/directory_of_files.py model.onnx DIRECTORY "Where is the dust from?"
"""

import sys
from pathlib import Path

from convbert_onnx import ConvBertOnnxPipeline


def main(model: str, directory: str, question: str) -> None:
    """Print the answer that each file gives, and a line about each file that cannot be read."""
    pipe = ConvBertOnnxPipeline(model)
    files = sorted(Path(directory).glob("*.txt"))
    calls = [{"question": question, "context": text} for text in map(read, files)]
    # One result for each call, in order: the answer, or the error of this call alone.
    for file, result in zip(files, pipe.run_many(calls), strict=True):
        answer = f"{result}" if isinstance(result, Exception) else f"{result['score']:.3f}  {result['answer']!r}"
        print(f"{file.name}: {answer}")


def read(file: Path) -> str:
    """Read a file; bytes that are not UTF-8 become replacement characters."""
    return file.read_text(encoding="utf-8", errors="replace")


if __name__ == "__main__":
    main(*sys.argv[1:4])
