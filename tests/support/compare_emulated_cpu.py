"""Compare the outputs of int8 files on this CPU and on an emulated one.

python tests/support/compare_emulated_cpu.py EMULATOR [ARGUMENT ...]

Every kind of int8 file of the toy models is run on both with the golden inputs. With native kernels, outputs must be
equal bit for bit; with onnxruntime's kernels, whose float operators differ in the last bits, they must be close.
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
MAX_RELATIVE_DIFFERENCE = 0.03
"""Effect on outputs of quantized values that differ by one step, because a float was rounded differently."""


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
    results = {}
    for file, native in product(sorted(folder.glob("*.onnx")), ("auto", False)):
        session = ConvBertOnnxPipeline(file, native=native, threads=1).session  # type: ignore[call-overload]
        for number, batch in enumerate(batches(file.name.split("_")[0], TASK)):
            for name, array in zip(("start", "end"), session.run(None, inputs_of(batch)), strict=True):
                results[f"{file.stem}, {'functions' if native is False else 'kernels'}, {number}, {name}"] = array
    return results


def allowed_difference(key: str) -> float:
    return 0 if "_cpu_int8_" in key and "kernels" in key else MAX_RELATIVE_DIFFERENCE


def main(emulator: list[str]) -> int:
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder)
        here = outputs(folder)
        subprocess.run([*emulator, sys.executable, __file__, "--there", name], check=True, stderr=subprocess.DEVNULL)
        with np.load(folder / "there.npz") as there:
            assert sorted(there) == sorted(here)
            different = [
                key for key, array in here.items() if relative_difference(there[key], array) > allowed_difference(key)
            ]
    sys.stdout.write("\n  ".join([f"{len(here)} outputs compared, {len(different)} differ", *different]) + "\n")
    return 1 if different else 0


if __name__ == "__main__":
    if sys.argv[1] == "--there":
        np.savez(Path(sys.argv[2], "there.npz"), allow_pickle=False, **outputs(Path(sys.argv[2])))
    else:
        sys.exit(main(sys.argv[1:]))
