"""Readers of labelled data: files of text, JSON Lines and tables, and the examples that a task makes of them.

Errors name the file and the line.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from threading import Lock

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import FileMissingError, InputError
from convbert_onnx.runtime.evaluation.base import LabelledExample, labelled_evaluation
from convbert_onnx.runtime.parameters import check_whole_number

__all__ = [
    "csv_rows",
    "json_lines",
    "label_name",
    "listed_labels",
    "plain_texts",
    "read_labelled_data",
    "read_text",
    "string_field",
    "text_lines",
    "tsv_rows",
]

_CSV = Lock()
"""Held while the csv module's field limit, which all threads share, is changed."""


def read_labelled_data(
    path: str | Path, task: str, config: ConvBertConfig, limit: int | None = None
) -> list[LabelledExample]:
    """Read the labelled examples of a file; the module of each task in this package describes its format.

    Args:
        path: the file, in UTF-8.
        task: name of the task.
        config: the model's config; the file gives its labels by name or by number.
        limit: maximum number of examples; by default all.

    Raises:
        FileMissingError: there is no such file.
        InputError: the task has no labelled data, the file is not in its format or has no example, or it has a label
            that the model lacks. The message names the line.
    """
    path = Path(path)
    if limit is not None:
        check_whole_number("limit", limit, 1)
    evaluation = labelled_evaluation(task)
    if not path.is_file():
        raise FileMissingError(f"{path} is not a file: name one with labelled data")
    examples = list(islice(evaluation.read(path, read_text(path), config), limit))
    if not examples:
        raise InputError(f"{path} has no example")
    return examples


def read_text(path: Path) -> str:
    """Read a UTF-8 file; all line ends become line feeds.

    Raises:
        InputError: the file is not UTF-8. The message names the line.
    """
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}, line {line}: this is not UTF-8; save the file as UTF-8") from error
    text = text.replace("\r\n", "\n")
    return text if "\n" in text else text.replace("\r", "\n")  # line ends of classic Mac OS


def text_lines(path: Path, text: str) -> Iterator[tuple[str, str]]:
    """The lines that are not blank, each with its place: the file and the line."""
    # Not splitlines(): texts may contain other line separators.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield f"{path}, line {number}", line


def json_lines(path: Path, text: str) -> Iterator[tuple[str, Mapping[str, object]]]:
    """The objects of JSON Lines, each with its place.

    Raises:
        InputError: a line is not a JSON object.
    """
    for place, line in text_lines(path, text):
        try:
            row = json.loads(line)
        except RecursionError as error:
            raise InputError(f"{place}: the JSON is nested too deeply; write one flat object per line") from error
        except ValueError as error:
            raise InputError(f"{place}: this is not JSON ({error}); write one object per line") from error
        if not isinstance(row, dict):
            raise InputError(f"{place}: the line must be a JSON object, not {type(row).__name__}")
        yield place, row


def plain_texts(path: Path, text: str) -> Iterator[tuple[str, str]]:
    """The ``text`` of each line of JSON Lines (``.jsonl``), or each line of another file, with its place.

    Raises:
        InputError: a line of JSON Lines is not an object with ``text``.
    """
    if path.suffix == ".jsonl":
        return ((place, string_field(row, "text", place)) for place, row in json_lines(path, text))
    return ((place, line.strip()) for place, line in text_lines(path, text))


def string_field(holder: object, name: str, place: str) -> str:
    """The string ``name`` of a JSON object.

    Raises:
        InputError: there is no such string.
    """
    if not isinstance(holder, dict) or not isinstance(holder.get(name), str):
        raise InputError(f"{place}: `{name}` is missing or not a string")
    value: str = holder[name]
    return value


def tsv_rows(path: Path, text: str) -> Iterator[tuple[str, list[str]]]:
    """The rows of tab-separated values that are not blank, each with its place. Quotes are part of the text."""
    return ((place, line.split("\t")) for place, line in text_lines(path, text))


def csv_rows(path: Path, text: str) -> Iterator[tuple[str, list[str]]]:
    """The rows of comma-separated values that are not blank, each with the place where it ends.

    Raises:
        InputError: the file is not in the format, after the rows before the error.
    """
    rows: list[tuple[str, list[str]]] = []
    failure: InputError | None = None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    with _CSV:
        limit = csv.field_size_limit(len(text) + 1)
        try:
            for row in reader:
                if row:
                    rows.append((f"{path}, line {reader.line_num}", row))
        except csv.Error as error:
            number = min(reader.line_num + 1, text.rstrip("\n").count("\n") + 1)  # line_num counts completed lines
            failure = InputError(f"{path}, line {number}: {error}; fix the quotes and delimiters there")
        finally:
            csv.field_size_limit(limit)
    yield from rows
    if failure is not None:
        raise failure


def label_name(label: str, config: ConvBertConfig) -> str:
    """The label with this number, or the text itself."""
    return config.id2label.get(int(label), label) if label.isdecimal() and len(label) < 10 else label


def listed_labels(config: ConvBertConfig) -> str:
    """The model's labels with their numbers, for messages."""
    return ", ".join(f"{label} ({number})" for number, label in config.id2label.items())
