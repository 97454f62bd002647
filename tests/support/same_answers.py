"""Whether int8 files give the same outputs on another CPU, which an emulator plays.

python tests/support/same_answers.py EMULATOR [ARGUMENT ...]

Every form of the toy models is run here and there on the golden inputs: bit for bit the same where native kernels
compute, and near all the same where onnxruntime does, whose own float operators differ in the last bits.
"""

import subprocess
import sys
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

import numpy as np
from golden import CHECKPOINTS, DATA, batches, inputs_of, relative_difference
from numpy.typing import NDArray

from convbert_onnx import ConvBertOnnxPipeline
from convbert_onnx.bundle import Cpu, Precision, Target

TASK = "question-answering"
NEAR = 0.03
"""Where a float is rounded another way, a byte may be one more, and outputs differ so much at most."""


def write_files(folder: Path) -> None:
    from convbert_onnx.exporters import QuantizationOptions, export

    def write(architecture: str, target: Target, precision: Precision, cpu: Cpu) -> None:
        calibration = DATA / "labelled" / "squad-1.1.json" if precision == "int8-static" else None
        file = folder / f"{architecture}_{target}_{precision}_{cpu}.onnx"
        checkpoint = CHECKPOINTS / f"{architecture}-{TASK}"
        export(
            checkpoint,
            file,
            target=target,
            precision=precision,
            quantization=QuantizationOptions(cpu=cpu, calibration=calibration),
        )

    for architecture, cpu in product(("plain", "grouped"), get_args(Cpu)):
        write(architecture, "cpu", "int8", cpu)
    write("plain", "portable", "int8", "vnni")
    write("plain", "cpu", "int8-static", "vnni")


def outputs(folder: Path) -> dict[str, NDArray[Any]]:
    found = {}
    for file, native in product(sorted(folder.glob("*.onnx")), ("auto", False)):
        session = ConvBertOnnxPipeline(file, native=native, threads=1).session  # type: ignore[call-overload]
        for number, batch in enumerate(batches(file.name.split("_")[0], TASK)):
            for name, array in zip(("start", "end"), session.run(None, inputs_of(batch)), strict=True):
                found[f"{file.stem}, {'functions' if native is False else 'kernels'}, {number}, {name}"] = array
    return found


def main(emulator: list[str]) -> int:
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder)
        here = outputs(folder)
        subprocess.run([*emulator, sys.executable, __file__, "--there", name], check=True, stderr=subprocess.DEVNULL)
        with np.load(folder / "there.npz") as there:
            assert sorted(there) == sorted(here)
            wrong = [
                key
                for key, array in here.items()
                if relative_difference(there[key], array) > (0 if "_cpu_int8_" in key and "kernels" in key else NEAR)
            ]
    sys.stdout.write("\n  ".join([f"{len(here)} outputs compared, {len(wrong)} differ", *wrong]) + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    if sys.argv[1] == "--there":
        np.savez(Path(sys.argv[2], "there.npz"), allow_pickle=False, **outputs(Path(sys.argv[2])))
    else:
        sys.exit(main(sys.argv[1:]))
