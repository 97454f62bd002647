"""The ranges of activations on real text, found by onnxruntime's own calibrators."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, redirect_stdout
from io import StringIO
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args
from zipfile import BadZipFile

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from convbert_onnx.bundle import CalibrationMethod
from convbert_onnx.errors import FileMissingError, InputError
from convbert_onnx.exporters.quantization.truncate_calls import cut_call
from convbert_onnx.exporters.quantization.weight_matmuls import fixed_products
from convbert_onnx.runtime.evaluation.datasets import json_lines, read_labelled_data, read_text, text_lines
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

Feed = dict[str, NDArray[np.generic]]


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
        raise FileMissingError(f"{data} is not a file: name one with texts to calibrate on")
    feeds = [_feed(pipe, place, arrays) for place, arrays in islice(_tokenized(data), _MOST)]
    if not feeds:
        feeds = list(pipe.model_inputs_many(cut_call(pipe, call) for call in islice(_calls(pipe, data), _MOST)))
    wanted = {spec.name for spec in pipe.session.get_inputs()}
    known = [{name: array for name, array in feed.items() if name in wanted} for feed in feeds[:_MOST]]
    if not known:
        raise InputError(f"{data} holds no text to calibrate on")
    return known


def _calls(pipe: ConvBertOnnxPipeline, data: Path) -> Iterator[dict[str, Any]]:
    """What the pipeline would be called with."""
    texts = _texts(data)
    if texts is None or (data.suffix == ".jsonl" and pipe.task not in _PLAIN):
        for example in read_labelled_data(data, pipe.task, pipe.config, _MOST):
            yield dict(example.call)
        return
    if pipe.task not in _PLAIN:
        raise InputError(f"{data}: {pipe.task} reads more than one text; calibrate on labelled data of the task")
    for text in texts:
        # A row needs a mask only to be decoded, which nothing is here; but the pipeline asks for one.
        yield {"inputs": f"{pipe.tokenizer.mask_token} {text}" if pipe.task == "fill-mask" else text}


_PLAIN = ("feature-extraction", "fill-mask", "text-classification", "token-classification")


def _texts(data: Path) -> Iterator[str] | None:
    """The texts of a file that holds one on each line, or None where it is another one."""
    if data.suffix == ".txt":
        return (line for _, line in text_lines(data, read_text(data)))
    if data.suffix == ".jsonl" and "text" in _first_row(data):
        return (_text(place, row) for place, row in json_lines(data, read_text(data)))
    return None


def _text(place: str, row: Mapping[str, Any]) -> str:
    text = row.get("text")
    if not isinstance(text, str):
        raise InputError(f"{place}: `text` must be there, as a string")
    return text


def _first_row(data: Path) -> Mapping[str, Any]:
    return next((row for _, row in json_lines(data, read_text(data))), {})


def _tokenized(data: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The rows of a file that holds tokens already, each with its place; none where it holds text."""
    if data.suffix == ".jsonl" and "input_ids" in _first_row(data):
        yield from json_lines(data, read_text(data))
    if data.suffix != ".npz":
        return
    try:
        with np.load(data) as file:
            arrays = {name: file[name] for name in _NAMES_OF_ARRAYS if name in file}
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise InputError(f"{data} is not a file of numpy arrays ({error}): write it with numpy.savez") from error
    if "input_ids" not in arrays:
        raise InputError(f"{data}: an array `input_ids` is missing, [rows, length]")
    shape = arrays["input_ids"].shape
    for name, array in arrays.items():
        if array.ndim != 2 or array.shape != shape:
            raise InputError(f"{data}: `{name}` must have the shape [rows, length], not {list(array.shape)}")
    for row in range(shape[0]):
        yield f"{data}, row {row}", {name: array[row] for name, array in arrays.items()}


_NAMES_OF_ARRAYS = ("input_ids", "attention_mask", "token_type_ids")


def _feed(pipe: ConvBertOnnxPipeline, place: str, row: Mapping[str, Any]) -> Feed:
    """The session's inputs for a row of tokens."""
    if "input_ids" not in row:
        raise InputError(f"{place}: `input_ids` must be there")
    ids = _numbers(place, row, "input_ids", pipe.config.vocab_size)
    if not 0 < len(ids) <= pipe.max_length:
        raise InputError(f"{place}: `input_ids` must have 1 to {pipe.max_length} tokens, not {len(ids)}")
    feed = {
        "input_ids": ids,
        "attention_mask": _numbers(place, row, "attention_mask", 2, np.ones_like(ids)),
        "token_type_ids": _numbers(place, row, "token_type_ids", pipe.config.type_vocab_size, np.zeros_like(ids)),
    }
    for name, array in feed.items():
        if array.shape != ids.shape:
            raise InputError(f"{place}: `{name}` must have as many numbers as `input_ids`, {len(ids)}")
    return {name: array[None] for name, array in feed.items()}


def _numbers(
    place: str, row: Mapping[str, Any], name: str, most: int, default: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    if default is not None and row.get(name) is None:
        return default
    try:
        array = np.asarray(row[name])
    except ValueError:  # lists of different lengths
        array = np.empty((0, 0))
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise InputError(f"{place}: `{name}` must be a list of whole numbers")
    if array.size and not 0 <= array.min() <= array.max() < most:
        raise InputError(f"{place}: `{name}` must be between 0 and {most - 1}")
    return array.astype(np.int64)
