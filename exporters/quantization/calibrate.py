"""calibrate(): the ranges of activations on text, collected by onnxruntime's calibrators."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

import numpy as np
import onnx_ir as ir

from convbert_onnx.errors import InputError
from convbert_onnx.exporters.quantization.calibration_data import Feed, read_feeds
from convbert_onnx.exporters.quantization.weight_matmuls import weight_matmuls
from convbert_onnx.progress import Progress, no_progress
from convbert_onnx.quantization_options import CalibrationMethod, Ranges
from convbert_onnx.runtime.model import find_file
from convbert_onnx.runtime.pipeline import ConvBertOnnxPipeline

__all__ = ["calibrate", "collect_ranges"]

_CALIBRATORS = {"min-max": "MinMax", "entropy": "Entropy", "percentile": "Percentile"}
"""The methods by onnxruntime's names."""

_CALIBRATOR_OPTIONS: dict[CalibrationMethod, dict[str, Any]] = {
    "min-max": {},
    "entropy": {"num_bins": 128},
    "percentile": {"num_bins": 2048, "percentile": 99.999},
}


def calibrate(
    model: str | Path,
    data: str | Path,
    method: CalibrationMethod = "percentile",
    progress: Progress = no_progress,
    *,
    folder: str | Path | None = None,
) -> Ranges:
    """The ranges of the activations that matmuls with constant weights multiply.

    They serve files with unsigned and with signed activations alike.

    Args:
        model: an exported fp32 file, or a directory with one.
        data: labelled data in the task's format, whose labels are ignored; ``.txt`` with a text per line; ``.jsonl``
            with ``text``, or with ``input_ids`` and optionally ``attention_mask`` and ``token_type_ids``; or ``.npz``
            with arrays of those names, [rows, length]. At most 256 rows are read.
        method: "min-max" takes all activations, "entropy" and "percentile" cut off outliers.
        progress: called before each row.
        folder: where to put temporary files, about twice as large as the model; by default the system's folder.

    Raises:
        FileMissingError: the model or the data do not exist.
        InputError: the data are in none of these formats, or the method is unknown.
    """
    if method not in get_args(CalibrationMethod):
        raise InputError(f"method must be one of {', '.join(get_args(CalibrationMethod))}, not {method!r}")
    file = find_file(model)
    return collect_ranges(ConvBertOnnxPipeline(file), file, data, method, progress, folder=folder)


def collect_ranges(
    pipe: ConvBertOnnxPipeline,
    file: Path,
    data: str | Path,
    method: CalibrationMethod,
    progress: Progress = no_progress,
    *,
    folder: str | Path | None = None,
) -> Ranges:
    """Calibrate a model that is open already: see :func:`calibrate`.

    Args:
        pipe: the model.
        file: its file.
        data: text, labelled data or tokens.
        method: which activations determine a range.
        progress: called before each row.
        folder: where to put temporary files.
    """
    feeds = read_feeds(pipe, Path(data))
    with TemporaryDirectory(dir=folder) as temporary:
        graph = ir.load(file)
        graph.metadata_props.clear()
        names = sorted({str(matmul.input.name) for matmul in weight_matmuls(graph)})
        path = Path(temporary, "model.onnx")
        ir.save(graph, path)
        tensors = _run_calibrator(path, feeds, method, progress)
    return {name: _bounds(*tensors[name].range_value) for name in names}


def _run_calibrator(path: Path, feeds: Sequence[Feed], method: CalibrationMethod, progress: Progress) -> Any:
    """Onnxruntime's calibration data of all inputs and outputs of MatMuls, by name."""
    # Imported here because it imports much that nothing else needs.
    from onnxruntime import quantization

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self, feed: Feed) -> None:
            self._feeds = iter([feed])

        def get_next(self) -> Feed | None:
            return next(self._feeds, None)

    calibrator = quantization.create_calibrator(
        path,
        ["MatMul"],
        str(path.with_name("augmented.onnx")),
        quantization.CalibrationMethod[_CALIBRATORS[method]],
        extra_options=_CALIBRATOR_OPTIONS[method],
    )
    # Row by row, so that only one row's activations are in memory.
    for number, feed in enumerate(feeds):
        progress("calibrating", number, len(feeds))
        with _silently():
            calibrator.collect_data(Reader(feed))
    with _silently():
        return calibrator.compute_data().data


def _silently() -> AbstractContextManager[Any]:
    """Suppress what the calibrators print."""
    return redirect_stdout(StringIO())


def _bounds(low: Any, high: Any) -> tuple[float, float]:
    """A range as floats; some calibrators return arrays of one element."""
    return np.asarray(low).item(), np.asarray(high).item()
