"""The ranges of activations on real text, found by onnxruntime's own calibrators."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from convbert_onnx.bundle import CalibrationMethod
from convbert_onnx.errors import FileMissingError, InputError
from convbert_onnx.exporters.cut_calls import cut_call
from convbert_onnx.exporters.fixed_products import fixed_products
from convbert_onnx.runtime.labelled_data import read_labelled_data
from convbert_onnx.runtime.pipeline import ConvBertOnnxPipeline

__all__ = ["Ranges", "calibrate"]

Ranges = Mapping[str, tuple[float, float]]
"""The smallest and largest number that counts, by the name of the activation."""

_MOST = 256
"""Rows to calibrate on; more change the ranges little."""

_NAMES = {"min-max": "MinMax", "entropy": "Entropy", "percentile": "Percentile"}
_OPTIONS: dict[CalibrationMethod, dict[str, Any]] = {
    "min-max": {},
    "entropy": {"num_bins": 128},
    "percentile": {"num_bins": 2048, "percentile": 99.999},
}

Feed = dict[str, NDArray[np.int64]]


def calibrate(
    model: str | Path,
    data: str | Path,
    method: CalibrationMethod = "percentile",
    progress: Callable[[str, int, int], None] = lambda step, done, total: None,
    *,
    folder: str | Path | None = None,
) -> Ranges:
    """The ranges of what products with fixed weights multiply.

    One calibration serves files with unsigned and with signed activations alike.

    Args:
        model: an exported fp32 file.
        data: labelled data in the task's format, whose labels do not matter; ``.txt`` with a text on each line;
            ``.jsonl`` with ``text``, or with ``input_ids`` and perhaps ``attention_mask`` and ``token_type_ids``; or
            ``.npz`` with arrays of those names, [rows, length]. The first 256 rows count.
        method: "min-max" takes all, "entropy" and "percentile" cut off what is rare.
        progress: told before each row.
        folder: where to put temporary files, which are about twice as large as the model; by default the system's.

    Raises:
        FileMissingError: there is no such file.
        InputError: the data are in no such format, or there is no such method.
    """
    # Only here: it brings much that nothing else needs.
    from onnxruntime import quantization

    if method not in get_args(CalibrationMethod):
        raise InputError(f"the calibration method must be one of {', '.join(_OPTIONS)}, not {method!r}")
    feeds = _feeds(ConvBertOnnxPipeline(model), Path(data))

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self, feed: Feed) -> None:
            self._feeds = iter([feed])

        def get_next(self) -> Feed | None:
            return next(self._feeds, None)

    with TemporaryDirectory(dir=folder) as temporary:
        graph = ir.load(model)
        graph.metadata_props.clear()
        wanted = {str(product.rows.name) for product in fixed_products(graph)}
        path = Path(temporary, "model.onnx")
        ir.save(graph, path)
        calibrator = quantization.create_calibrator(
            path,
            ["MatMul"],
            str(Path(temporary, "augmented.onnx")),
            quantization.CalibrationMethod[_NAMES[method]],
            extra_options=_OPTIONS[method],
        )
        # Row by row, so that one row's activations are in memory and not all rows'.
        for number, feed in enumerate(feeds):
            progress("calibrating", number, len(feeds))
            with _silently():
                calibrator.collect_data(Reader(feed))
        with _silently():
            found = calibrator.compute_data().data
    return {name: _bounds(*found[name].range_value) for name in sorted(wanted)}


def _silently() -> AbstractContextManager[Any]:
    """Without what calibrators print, which a library must not."""
    return redirect_stdout(StringIO())


def _bounds(low: Any, high: Any) -> tuple[float, float]:
    """The bounds as numbers; calibrators give some as arrays of one."""
    return np.asarray(low).item(), np.asarray(high).item()


def _feeds(pipe: ConvBertOnnxPipeline, data: Path) -> list[Feed]:
    if not data.is_file():
        raise FileMissingError(f"{data} is no file: name one with texts to calibrate on")
    feeds = list(_tokenized(data))
    if not feeds:
        calls = list(_calls(pipe, data))
        feeds = list(pipe.inputs_each(cut_call(pipe, call) for call in calls[:_MOST]))
    wanted = {spec.name for spec in pipe.session.get_inputs()}
    known = [{name: array for name, array in feed.items() if name in wanted} for feed in feeds[:_MOST]]
    if not known:
        raise InputError(f"{data} holds no text to calibrate on")
    return known


def _calls(pipe: ConvBertOnnxPipeline, data: Path) -> Iterator[dict[str, Any]]:
    """What the pipeline would be called with."""
    if data.suffix == ".txt" or (data.suffix == ".jsonl" and "text" in _first_line(data) and pipe.task in _PLAIN):
        lines = [line for line in data.read_text(encoding="utf-8").split("\n") if line.strip()][:_MOST]
        texts = [json.loads(line)["text"] for line in lines] if data.suffix == ".jsonl" else lines
        if pipe.task not in _PLAIN:
            raise InputError(f"{data}: {pipe.task} reads more than one text; calibrate on labelled data of the task")
        for text in texts:
            # A row needs a mask only to be decoded, which nothing is here; but the pipeline asks for one.
            inputs = f"{pipe.tokenizer.mask_token} {text}" if pipe.task == "fill-mask" else text
            yield {"inputs": inputs}
        return
    for example in read_labelled_data(data, pipe.task, pipe.config, _MOST):
        yield dict(example.call)


_PLAIN = ("feature-extraction", "fill-mask", "text-classification", "token-classification")


def _first_line(data: Path) -> dict[str, Any]:
    with data.open(encoding="utf-8") as lines:
        try:
            first = json.loads(next(lines, "{}"))
        except ValueError as error:
            raise InputError(f"{data}, line 1: this is not JSON ({error}); write one object per line") from error
    return first if isinstance(first, dict) else {}


def _tokenized(data: Path) -> Iterator[Feed]:
    """The rows of a file that holds tokens already; none where it holds text."""
    rows: list[dict[str, Any]] = []
    if data.suffix == ".npz":
        arrays = np.load(data)
        if "input_ids" not in arrays:
            raise InputError(f"{data}: an array `input_ids` is missing, [rows, length]")
        rows = [{name: arrays[name][row] for name in arrays} for row in range(min(_MOST, len(arrays["input_ids"])))]
    elif data.suffix == ".jsonl" and "input_ids" in _first_line(data):
        lines = data.read_text(encoding="utf-8").split("\n")
        rows = [json.loads(line) for line in lines if line.strip()][:_MOST]
    for row in rows:
        ids = np.asarray(row["input_ids"], np.int64)[None]
        yield {
            "input_ids": ids,
            "attention_mask": np.asarray(row.get("attention_mask", np.ones(ids.shape[1:])), np.int64)[None],
            "token_type_ids": np.asarray(row.get("token_type_ids", np.zeros(ids.shape[1:])), np.int64)[None],
        }
