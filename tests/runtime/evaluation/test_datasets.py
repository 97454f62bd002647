"""Readers of text, JSON Lines and tables, on every kind of line end, separator and length."""

import csv
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from labelled import ENTITIES, LABELLED, SENTIMENT, written

from convbert_onnx.errors import FileMissingError, InputError
from convbert_onnx.runtime.evaluation.datasets import plain_texts, read_labelled_data


@pytest.mark.parametrize("character", ["\u00a0", "\u2028", "\x85", "\x0c", "\x1e", "\0"])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "text,label\n{},neutral\n"),
        ("a.tsv", "text\tlabel\n{}\tneutral\n"),
        ("a.jsonl", '{{"text": "{}", "label": 1}}\n'),
    ],
)
def test_texts_may_contain_any_line_separator(tmp_path: Path, character: str, name: str, text: str) -> None:
    held = f"one{character}two"
    path = written(tmp_path, name, text.format(json.dumps(held)[1:-1] if name == "a.jsonl" else held))
    (example,) = read_labelled_data(path, "text-classification", SENTIMENT)
    assert example.call["inputs"]["text"] == held


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("task", "name", "lines"),
    [
        ("text-classification", "a.csv", ["text,label", "a,neutral", "", "b,1"]),
        ("text-classification", "a.tsv", ["text\tlabel", "a\tneutral", "", "b\t1"]),
        ("text-classification", "a.jsonl", ['{"text": "a", "label": 1}', " ", '{"text": "b", "label": 1}']),
        ("token-classification", "a.conll", ["a O", "", "\t", "b O", ""]),
        ("fill-mask", "a.txt", ["a", "", "b"]),
    ],
)
def test_all_line_ends_and_a_byte_order_mark_are_accepted(
    tmp_path: Path, end: str, task: str, name: str, lines: list[str]
) -> None:
    config = ENTITIES if task == "token-classification" else SENTIMENT
    read = [
        read_labelled_data(written(tmp_path, name, text), task, config)
        for text in ("\n".join(lines), "\ufeff" + end.join(lines))
    ]
    assert len(read[0]) == 2
    assert read[0] == read[1]


def test_long_fields_are_read_without_changing_the_csv_field_limit(tmp_path: Path) -> None:
    limit = csv.field_size_limit()
    long = "word " * 40_000
    for name, text in (("a.csv", f'text,label\n"{long}",neutral\n'), ("a.tsv", f"text\tlabel\n{long}\tneutral\n")):
        path = written(tmp_path, name, text)
        with ThreadPoolExecutor(4) as pool:
            futures = [pool.submit(read_labelled_data, path, "text-classification", SENTIMENT) for _ in range(8)]
        assert all(future.result()[0].call["inputs"]["text"] == long for future in futures)
    assert csv.field_size_limit() == limit


def test_quotes_in_tsv_are_text_and_rows_before_a_csv_error_are_read(tmp_path: Path) -> None:
    path = written(tmp_path, "a.tsv", 'text\tlabel\n"a\tneutral\n')
    assert read_labelled_data(path, "text-classification", SENTIMENT)[0].call["inputs"]["text"] == '"a'
    path = written(tmp_path, "a.csv", 'text,label\na,neutral\n"b" c,neutral\n')
    assert len(read_labelled_data(path, "text-classification", SENTIMENT, limit=1)) == 1


def test_missing_file_and_limit_of_zero_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileMissingError, match=r"a\.tsv is not a file"):
        read_labelled_data(tmp_path / "a.tsv", "text-classification", SENTIMENT)
    with pytest.raises(InputError, match="limit parameter should be >= 1"):
        read_labelled_data(LABELLED / "polarity.tsv", "text-classification", SENTIMENT, limit=0)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", r"a\.jsonl, line 2: this is not JSON .*write one object per line"),
        ("[1]", r"a\.jsonl, line 2: the line must be a JSON object, not list"),
        ("{}", r"a\.jsonl, line 2: `text` is missing or not a string"),
        ("[" * 100_000, r"a\.jsonl, line 2: the JSON is nested too deeply"),
    ],
)
def test_bad_line_of_plain_texts_is_named_after_the_lines_before_it(line: str, message: str) -> None:
    texts = plain_texts(Path("a.jsonl"), f'{{"text": "fine"}}\n{line}\n')
    assert next(texts) == ("a.jsonl, line 1", "fine")
    with pytest.raises(InputError, match=message):
        next(texts)
