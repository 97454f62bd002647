"""The model files that the backends run: ``python -m benchmarks.files NAME MODEL FOLDER`` writes one of them."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.models import VOCABULARY, write_checkpoint
from convbert_onnx import ConvBertConfig

__all__ = ["FILES", "File", "optimum_cli"]


@dataclass(frozen=True)
class File:
    """A file or folder that is written from a model.

    Attributes:
        path: the path to load, relative to the model's folder; other files may be next to it.
        make: writes the file, given the model's name and folder.
        needs: the keys of the files that must exist before.
    """

    path: str
    make: Callable[[str, Path], None]
    needs: tuple[str, ...] = ("checkpoint",)


def _checkpoint(model: str, folder: Path) -> None:
    write_checkpoint(model, folder / "checkpoint")


def _matmuls(model: str, folder: Path) -> None:
    from benchmarks.matmul_floor import write_matmuls

    write_matmuls(ConvBertConfig.from_pretrained(folder / "checkpoint"), folder / "matmuls.onnx")


def _int8_matmuls(model: str, folder: Path) -> None:
    from benchmarks.matmul_floor import write_int8_matmuls

    write_int8_matmuls(ConvBertConfig.from_pretrained(folder / "checkpoint"), folder / "matmuls-int8.onnx")


def _ours(name: str, **options: Any) -> Callable[[str, Path], None]:
    def make(model: str, folder: Path) -> None:
        from convbert_onnx.exporters import export

        export(folder / "checkpoint", folder / name, **options)

    return make


def _optimum(model: str, folder: Path) -> None:
    optimum_cli("export", "onnx", "--task", "question-answering", "--model", folder / "checkpoint", folder / "optimum")


def _optimum_int8(model: str, folder: Path) -> None:
    source, output = folder / "optimum", folder / "optimum-int8"
    optimum_cli("onnxruntime", "quantize", "--onnx_model", source, "--avx512_vnni", "--per_channel", "--output", output)


def optimum_cli(*arguments: object) -> None:
    """Run optimum's command line."""
    command = [sys.executable, "-m", "optimum.commands.optimum_cli", *map(str, arguments)]
    subprocess.run(command, check=True)


def _openvino(model: str, folder: Path) -> None:
    """Convert optimum's file to OpenVINO's format, weights unchanged; a conversion from PyTorch is not faster."""
    import openvino

    converted = openvino.convert_model(folder / "optimum" / "model.onnx")
    openvino.save_model(converted, folder / "openvino.xml", compress_to_fp16=False)


def _openvino_int8(model: str, folder: Path) -> None:
    """NNCF's calibrated int8, without depthwise convolutions and Transposes: OpenVINO cannot run those in int8."""
    import nncf
    import numpy as np
    import openvino

    random = np.random.default_rng(0)
    shape = (1, 128)
    feeds = [
        {
            "input_ids": random.integers(0, VOCABULARY, shape),
            "attention_mask": np.ones(shape, np.int64),
            "token_type_ids": np.zeros(shape, np.int64),
        }
        for _ in range(20)
    ]
    quantized = nncf.quantize(
        openvino.Core().read_model(folder / "openvino.xml"),
        nncf.Dataset(feeds),
        subset_size=len(feeds),
        model_type=nncf.ModelType.TRANSFORMER,
        ignored_scope=nncf.IgnoredScope(types=["GroupConvolution", "Transpose"]),
    )
    openvino.save_model(quantized, folder / "openvino-int8.xml", compress_to_fp16=False)


FILES = {
    "checkpoint": File("checkpoint", _checkpoint, needs=()),
    "matmuls": File("matmuls.onnx", _matmuls),
    "matmuls-int8": File("matmuls-int8.onnx", _int8_matmuls),
    "optimum": File("optimum/model.onnx", _optimum),
    "optimum-int8": File("optimum-int8/model_quantized.onnx", _optimum_int8, needs=("optimum",)),
    "openvino": File("openvino.xml", _openvino, needs=("optimum",)),
    "openvino-int8": File("openvino-int8.xml", _openvino_int8, needs=("openvino",)),
    "portable": File("portable.onnx", _ours("portable.onnx", target="portable")),
    "cpu": File("cpu.onnx", _ours("cpu.onnx", target="cpu")),
    "portable-int8": File("portable-int8.onnx", _ours("portable-int8.onnx", target="portable", precision="int8")),
    "cpu-int8": File("cpu-int8.onnx", _ours("cpu-int8.onnx", target="cpu", precision="int8")),
}
"""All files by name."""


if __name__ == "__main__":
    _name, _model, _folder = sys.argv[1:]
    FILES[_name].make(_model, Path(_folder))
