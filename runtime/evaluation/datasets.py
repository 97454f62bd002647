"""Readers of labelled data: from the usual file of each task to calls of its pipeline and what is expected."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Any

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import FileMissingError, InputError
from convbert_onnx.runtime.evaluation.entity_metrics import entity_type
from convbert_onnx.runtime.parameters import whole_number

__all__ = ["LabelledExample", "json_lines", "read_labelled_data", "read_text", "text_lines"]

_BLANKS = re.compile("[ \t]+")
"""Between the columns of CoNLL files. Blanks of other kinds are part of a word: 10 000 in French has one."""

_CSV = Lock()
"""Held while the limit of the csv module, which all threads share, is another."""


@dataclass(frozen=True)
class LabelledExample:
    """An example and what a perfect model gives for it.

    Attributes:
        place: where it stands: the file, and the line or the entry in it.
        call: the arguments of the pipeline's call.
        expected: the answers of a question, none where it has no answer; the tags of words; the name of a label; the
            number of a choice; the word piece that was masked.
    """

    place: str
    call: Mapping[str, Any]
    expected: Any


def read_labelled_data(
    path: str | Path, task: str, config: ConvBertConfig, limit: int | None = None
) -> list[LabelledExample]:
    """The labelled examples of a file.

    - question-answering: SQuAD's JSON, version 1.1 or 2.0
    - token-classification: CoNLL, a word and, last, its tag on a line, and a blank line after a sentence
    - text-classification: .csv or .tsv with a header, or .jsonl, with ``text``, ``label`` and perhaps ``text_pair``
    - multiple-choice: .jsonl with ``prompt``, ``choices`` and ``label``, the number of a choice, from 0, or its text
    - fill-mask: .jsonl with ``text``, or any other file with a text per line; nothing is expected yet

    Args:
        path: the file, in UTF-8.
        task: name of the task.
        config: the model's, whose labels the file names, or gives by number.
        limit: most examples; by default all of them.

    Raises:
        FileMissingError: there is no such file.
        InputError: the task has no labelled data, the file is not in its format or holds no example, or it has a label
            that the model lacks. The message says where.
    """
    path = Path(path)
    if limit is not None:
        whole_number("limit", limit, 1)
    if task not in _READERS:
        raise InputError(f"{task} has no labelled data; tasks that have are {', '.join(_READERS)}")
    if not path.is_file():
        raise FileMissingError(f"{path} is no file: name one with labelled data")
    examples = list(islice(_READERS[task](path, read_text(path), config), limit))
    if not examples:
        raise InputError(f"{path} holds no example")
    return examples


def read_text(path: Path) -> str:
    """The text of a file in UTF-8, with line feeds as line ends.

    Raises:
        InputError: it is not in UTF-8. The message says where.
    """
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}, line {line}: this is not UTF-8; save the file as UTF-8") from error
    text = text.replace("\r\n", "\n")
    return text if "\n" in text else text.replace("\r", "\n")  # old Macs had nothing else


def text_lines(path: Path, text: str) -> Iterator[tuple[str, str]]:
    """The lines that are not blank, each with its place."""
    # Not splitlines(): texts may hold line separators of other kinds.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield f"{path}, line {number}", line


def json_lines(path: Path, text: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The objects of JSON Lines, each with its place.

    Raises:
        InputError: a line is not an object.
    """
    for place, line in text_lines(path, text):
        try:
            row = json.loads(line)
        except RecursionError as error:
            raise InputError(f"{place}: this is nested too deep; write one flat object per line") from error
        except ValueError as error:
            raise InputError(f"{place}: this is not JSON ({error}); write one object per line") from error
        if not isinstance(row, dict):
            raise InputError(f"{place}: the line must be a JSON object, not {type(row).__name__}")
        yield place, row


def _questions(path: Path, text: str, config: ConvBertConfig) -> Iterator[LabelledExample]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON ({error}); SQuAD's format is expected") from error
    for article, paragraphs in _entries(content, "data", "paragraphs", f"{path}"):
        for paragraph, questions in _entries(paragraphs, "paragraphs", "qas", article):
            context = _string(questions, "context", paragraph)
            for number, question in enumerate(_list(questions, "qas", paragraph)):
                place = f"{paragraph}.qas[{number}]"
                if not isinstance(question, dict):
                    raise InputError(f"{place} must be an object with question and answers")
                answers = _list(question, "answers", place)
                # SQuAD 2.0 says of every question whether it has an answer; then "none" must be able to win.
                expected = tuple(_string(one, "text", place) for one in answers)
                impossible = question.get("is_impossible", False)
                if not isinstance(impossible, bool):
                    raise InputError(f"{place}: `is_impossible` must be true or false, not {impossible!r:.40}")
                nothing = impossible or not expected
                call: dict[str, Any] = {"question": _string(question, "question", place), "context": context}
                if nothing or "is_impossible" in question:
                    call["handle_impossible_answer"] = True
                yield LabelledExample(place, call, () if nothing else expected)


def _entries(holder: Any, name: str, inner: str, place: str) -> Iterator[tuple[str, Any]]:
    """The objects in a list of SQuAD's, each with its place."""
    for number, entry in enumerate(_list(holder, name, place)):
        own = f"{place}.{name}[{number}]" if "[" in place else f"{place}, {name}[{number}]"
        if not isinstance(entry, dict):
            raise InputError(f"{own} must be an object with {inner}")
        yield own, entry


def _list(holder: Any, name: str, place: str) -> list[Any]:
    if not isinstance(holder, dict) or not isinstance(holder.get(name), list):
        raise InputError(f"{place}: a list `{name}` is missing, which SQuAD's format has there")
    found: list[Any] = holder[name]
    return found


def _string(holder: Any, name: str, place: str) -> str:
    if not isinstance(holder, dict) or not isinstance(holder.get(name), str):
        raise InputError(f"{place}: `{name}` must be there, as a string")
    found: str = holder[name]
    return found


def _sentences(path: Path, text: str, config: ConvBertConfig) -> Iterator[LabelledExample]:
    types = {entity_type(label) for label in config.id2label.values() if label != "O"}
    if None in types:
        raise InputError(
            f"the model's labels are {_labels(config)}: entities can be counted only with labels that are O or begin "
            "with B-, I-, E- or S-"
        )
    words: list[str] = []
    tags: list[str] = []
    start = 1
    for number, line in enumerate([*text.split("\n"), ""], start=1):
        columns = _BLANKS.split(line.strip(" \t")) if line.strip() else []
        if not columns or columns[0] == "-DOCSTART-":
            if words:
                call = {"inputs": words, "is_split_into_words": True}
                yield LabelledExample(f"{path}, line {start}", call, tuple(tags))
            words, tags, start = [], [], number + 1
            continue
        if len(columns) < 2:
            raise InputError(f"{path}, line {number}: a word and its tag are expected, with a blank or tab between")
        tag = _named(columns[-1], config)
        # By type, because B-PER and I-PER mean the same at the beginning of an entity.
        if tag != "O" and entity_type(tag) not in types:
            raise InputError(f"{path}, line {number}: the model has no label {tag!r:.60}; it has {_labels(config)}")
        words.append(columns[0])
        tags.append(tag)


def _texts(path: Path, text: str, config: ConvBertConfig) -> Iterator[LabelledExample]:
    if config.problem_type in ("regression", "multi_label_classification") or config.num_labels == 1:
        kind = config.problem_type or "regression"
        raise InputError(
            f"the model is for {kind}: only models that give a text one of several labels can be evaluated"
        )
    for place, row in _rows(path, text):
        for name in ("text", "label"):
            if row.get(name) is None:
                raise InputError(f"{place}: `{name}` is missing; text and label are expected, and perhaps text_pair")
        pair = {} if row.get("text_pair") is None else {"text_pair": _string(row, "text_pair", place)}
        inputs = {"text": _string(row, "text", place), **pair}
        # As with all evaluations, a text that is longer than the model is cut.
        yield LabelledExample(place, {"inputs": inputs, "truncation": True}, _label(row["label"], config, place))


def _label(label: Any, config: ConvBertConfig, place: str) -> str:
    if isinstance(label, list):
        raise InputError(f"{place}: a text with several labels cannot be evaluated; give one label")
    if isinstance(label, str) and label in config.label2id:
        return label
    if isinstance(label, str | int) and not isinstance(label, bool):
        name = _named(str(label), config)
        if name in config.label2id:
            return name
    raise InputError(f"{place}: the model has no label {label!r:.60}; it has {_labels(config)}")


def _named(label: str, config: ConvBertConfig) -> str:
    """The label with this number, or the text as it is."""
    return config.id2label.get(int(label), label) if label.isdecimal() and len(label) < 10 else label


def _labels(config: ConvBertConfig) -> str:
    return ", ".join(f"{label} ({number})" for number, label in config.id2label.items())


def _choices(path: Path, text: str, config: ConvBertConfig) -> Iterator[LabelledExample]:
    for place, row in json_lines(path, text):
        choices, label = row.get("choices"), row.get("label")
        if not isinstance(choices, list) or not choices or not all(isinstance(choice, str) for choice in choices):
            raise InputError(f"{place}: `choices` must be there, as a list of strings")
        if isinstance(label, str) and label in choices:
            label = choices.index(label)
        if isinstance(label, bool) or not isinstance(label, int) or not 0 <= label < len(choices):
            raise InputError(f"{place}: `label` must be the number of a choice, 0 to {len(choices) - 1}, or its text")
        call = {"prompt": _string(row, "prompt", place), "choices": choices, "truncation": True}
        yield LabelledExample(place, call, label)


def _plain_texts(path: Path, text: str, config: ConvBertConfig) -> Iterator[LabelledExample]:
    if path.suffix == ".jsonl":
        for place, row in json_lines(path, text):
            yield LabelledExample(place, {"inputs": _string(row, "text", place)}, None)
        return
    for place, line in text_lines(path, text):
        yield LabelledExample(place, {"inputs": line.strip()}, None)


def _rows(path: Path, text: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The rows of a table, by the names in its header, or of JSON Lines."""
    if path.suffix == ".jsonl":
        yield from json_lines(path, text)
        return
    if path.suffix not in (".csv", ".tsv"):
        raise InputError(f"{path}: a file that ends in .csv, .tsv or .jsonl is expected")
    # In a file with tabs, quotes are part of the text.
    table = _csv_rows(path, text) if path.suffix == ".csv" else _tsv_rows(path, text)
    _, header = next(table, ("", []))
    if not {"text", "label"} <= set(header):
        raise InputError(
            f"{path}, line 1: a header with text and label is expected, and perhaps text_pair, not "
            f"{', '.join(header) or 'an empty file'}: name the columns so"
        )
    for place, row in table:
        if len(row) > len(header):
            raise InputError(f"{place}: there are more columns than in the header; put quotes around texts in .csv")
        yield place, dict(zip(header, row, strict=False))


def _tsv_rows(path: Path, text: str) -> Iterator[tuple[str, list[str]]]:
    return ((place, line.split("\t")) for place, line in text_lines(path, text))


def _csv_rows(path: Path, text: str) -> Iterator[tuple[str, list[str]]]:
    """The rows that are not blank, each with the place where it ends."""
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
            number = min(reader.line_num + 1, text.rstrip("\n").count("\n") + 1)  # line_num counts the lines before
            failure = InputError(f"{path}, line {number}: {error}; fix the quotes and delimiters there")
        finally:
            csv.field_size_limit(limit)
    yield from rows
    if failure is not None:
        raise failure


_READERS: dict[str, Callable[[Path, str, ConvBertConfig], Iterator[LabelledExample]]] = {
    "question-answering": _questions,
    "token-classification": _sentences,
    "text-classification": _texts,
    "multiple-choice": _choices,
    "fill-mask": _plain_texts,
}
