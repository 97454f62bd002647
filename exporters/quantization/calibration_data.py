"""Read the session inputs that a model is calibrated on, from text, labelled data or token ids."""

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from convbert_onnx.errors import FileMissingError, InputError
from convbert_onnx.runtime.evaluation.base import Call, TaskEvaluation, task_evaluation
from convbert_onnx.runtime.evaluation.datasets import json_lines, plain_texts, read_labelled_data, read_text
from convbert_onnx.runtime.pipeline import ConvBertOnnxPipeline
from convbert_onnx.tasks import task_by_name

__all__ = ["Feed", "read_feeds"]

Feed = dict[str, NDArray[np.generic]]
"""The inputs of one run of the session."""

_MAX_ROWS = 256
"""Rows to calibrate on; more of them change the ranges little."""

_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def read_feeds(pipe: ConvBertOnnxPipeline, data: Path) -> list[Feed]:
    """The inputs of at most 256 rows of a file; :func:`calibrate` describes its formats.

    Raises:
        FileMissingError: the file does not exist.
        InputError: the file has another format, has no rows, or a row does not fit the model. The message has the line.
    """
    if not data.is_file():
        raise FileMissingError(f"{data} is not a file: name one with texts to calibrate on")
    rows = _token_rows(data)
    if rows is not None:
        feeds = [_feed(pipe, place, row) for place, row in islice(rows, _MAX_ROWS)]
    else:
        evaluation = task_evaluation(pipe.task)
        calls = (evaluation.truncated(pipe, call) for call in islice(_calls(pipe, evaluation, data), _MAX_ROWS))
        feeds = list(pipe.model_inputs_many(calls))[:_MAX_ROWS]  # a long text is several rows
    if not feeds:
        raise InputError(f"{data} holds no text to calibrate on")
    inputs = {spec.name for spec in pipe.session.get_inputs()}
    return [{name: array for name, array in feed.items() if name in inputs} for feed in feeds]


def _calls(pipe: ConvBertOnnxPipeline, evaluation: TaskEvaluation, data: Path) -> Iterator[Call]:
    """The arguments of a call of the pipeline for each text or labelled example."""
    reads_pairs = task_by_name(pipe.task).reads_pairs
    if data.suffix == ".txt" and reads_pairs:
        raise InputError(f"{data}: {pipe.task} reads more than one text; calibrate on labelled data of the task")
    if data.suffix == ".txt" or ("text" in _first_row(data) and not reads_pairs):
        return (evaluation.text_call(pipe, text) for _, text in plain_texts(data, read_text(data)))
    return (example.call for example in read_labelled_data(data, pipe.task, pipe.config, _MAX_ROWS))


def _first_row(data: Path) -> Mapping[str, object]:
    """The first object of a file of JSON Lines; empty for other files."""
    rows = json_lines(data, read_text(data)) if data.suffix == ".jsonl" else iter(())
    return next((row for _, row in rows), {})


def _token_rows(data: Path) -> Iterator[tuple[str, Mapping[str, object]]] | None:
    """The rows of a file of token ids, each with its place; None for a file of text."""
    if data.suffix == ".npz":
        return _array_rows(data)
    return json_lines(data, read_text(data)) if "input_ids" in _first_row(data) else None


def _array_rows(data: Path) -> Iterator[tuple[str, Mapping[str, object]]]:
    try:
        with np.load(data) as file:
            arrays = {name: file[name] for name in _INPUTS if name in file}
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


def _feed(pipe: ConvBertOnnxPipeline, place: str, row: Mapping[str, object]) -> Feed:
    """The session's inputs for a row of token ids."""
    if "input_ids" not in row:
        raise InputError(f"{place}: `input_ids` is missing")
    ids = _integers(place, row, "input_ids", pipe.config.vocab_size)
    if not 0 < len(ids) <= pipe.max_length:
        raise InputError(f"{place}: `input_ids` must have 1 to {pipe.max_length} tokens, not {len(ids)}")
    feed = {
        "input_ids": ids,
        "attention_mask": _integers(place, row, "attention_mask", 2, np.ones_like(ids)),
        "token_type_ids": _integers(place, row, "token_type_ids", pipe.config.type_vocab_size, np.zeros_like(ids)),
    }
    for name, array in feed.items():
        if array.shape != ids.shape:
            raise InputError(f"{place}: `{name}` must have as many elements as `input_ids`, {len(ids)}")
    return {name: array[None] for name, array in feed.items()}


def _integers(
    place: str, row: Mapping[str, object], name: str, limit: int, default: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """A list of integers from 0 to below ``limit``."""
    if default is not None and row.get(name) is None:
        return default
    try:
        array = np.asarray(row[name])
    except ValueError:  # lists of different lengths
        array = np.empty((0, 0))
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise InputError(f"{place}: `{name}` must be a list of integers")
    if array.size and not 0 <= array.min() <= array.max() < limit:
        raise InputError(f"{place}: `{name}` must be between 0 and {limit - 1}")
    return array.astype(np.int64)
