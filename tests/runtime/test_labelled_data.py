"""Readers of labelled data, on pieces of real data sets, and on files that are wrong in one place."""

import csv
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from golden import DATA

from convbert_onnx import ConvBertConfig
from convbert_onnx.errors import FileMissingError, InputError
from convbert_onnx.runtime.evaluation.datasets import read_labelled_data

LABELLED = DATA / "labelled"
SENTIMENT = ConvBertConfig(id2label={0: "negative", 1: "neutral", 2: "positive"})
ENTITIES = ConvBertConfig(id2label=dict(enumerate(["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "I-LOC", "I-MISC"])))


def written(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_questions_of_squad_1() -> None:
    examples = read_labelled_data(LABELLED / "squad-1.1.json", "question-answering", ConvBertConfig())
    assert len(examples) == 12
    assert examples[0].place.endswith("squad-1.1.json, data[0].paragraphs[0].qas[0]")
    assert all(example.expected for example in examples)
    assert all(text in example.call["context"] for example in examples for text in example.expected)
    assert examples[0].call.keys() == {"question", "context"}


def test_questions_of_squad_2_may_have_no_answer() -> None:
    examples = read_labelled_data(LABELLED / "squad-2.0.json", "question-answering", ConvBertConfig())
    assert [bool(example.expected) for example in examples] == [True, True, False, False] * 4
    assert all(example.call["handle_impossible_answer"] for example in examples)


def test_plausible_answers_are_no_answers(tmp_path: Path) -> None:
    question = {"question": "Who?", "is_impossible": True, "answers": [{"text": "Ada", "answer_start": 0}]}
    content = {"data": [{"paragraphs": [{"context": "Ada.", "qas": [question]}]}]}
    path = written(tmp_path, "squad.json", json.dumps(content))
    (example,) = read_labelled_data(path, "question-answering", ConvBertConfig())
    assert example.expected == ()


def test_sentences_of_conll() -> None:
    examples = read_labelled_data(LABELLED / "wikigold.conll", "token-classification", ENTITIES)
    first = examples[0]
    assert first.place.endswith("line 3")
    assert first.call["inputs"][:3] == ["010", "is", "the"]
    assert first.expected[:3] == ("I-MISC", "O", "O")
    assert not any("-DOCSTART-" in example.call["inputs"] for example in examples)
    assert all(len(example.expected) == len(example.call["inputs"]) for example in examples)


def test_columns_between_word_and_tag_are_skipped_and_tags_may_be_numbers(tmp_path: Path) -> None:
    path = written(tmp_path, "a.conll", "Ada\tNNP\tB-PER\r\nsat\tVBD\t0\r\n\r\n\r\n# # O\r\n")
    first, second = read_labelled_data(path, "token-classification", ENTITIES)
    assert (first.call["inputs"], first.expected) == (["Ada", "sat"], ("B-PER", "O"))
    assert (second.call["inputs"], second.expected) == (["#"], ("O",))


def test_texts_with_labels() -> None:
    examples = read_labelled_data(LABELLED / "polarity.tsv", "text-classification", SENTIMENT, limit=3)
    assert [example.expected for example in examples] == ["positive", "negative", "positive"]
    assert '" conan "' in examples[0].call["inputs"]["text"]  # quotes are text where tabs separate
    assert examples[0].place.endswith("polarity.tsv, line 2")


def test_tables_and_json_lines_say_the_same(tmp_path: Path) -> None:
    table = 'label,text,text_pair\r\nneutral,"It falls, slowly.",It rises.\r\n0,"a\nb",\r\n'
    rows = [{"text": "It falls, slowly.", "text_pair": "It rises.", "label": "neutral"}]
    rows.append({"text": "a\nb", "text_pair": "", "label": "0"})
    lines = "\n\n".join(map(json.dumps, rows))
    read = [
        read_labelled_data(written(tmp_path, name, text), "text-classification", SENTIMENT)
        for name, text in (("a.csv", "\ufeff" + table), ("a.jsonl", lines))
    ]
    assert [one.call for one in read[0]] == [one.call for one in read[1]]
    assert [one.expected for one in read[0]] == [one.expected for one in read[1]] == ["neutral", "negative"]


def test_a_name_wins_over_a_number(tmp_path: Path) -> None:
    config = ConvBertConfig(id2label={0: "1", 1: "0"})
    path = written(tmp_path, "a.jsonl", '{"text": "a", "label": "1"}\n{"text": "a", "label": 1}')
    assert [one.expected for one in read_labelled_data(path, "text-classification", config)] == ["1", "0"]


def test_choices(tmp_path: Path) -> None:
    examples = read_labelled_data(LABELLED / "codah.jsonl", "multiple-choice", ConvBertConfig())
    assert [example.expected for example in examples[:2]] == [1, 0]
    assert len(examples[0].call["choices"]) == 4
    path = written(tmp_path, "a.jsonl", '{"prompt": "She sat", "choices": ["up.", "down."], "label": "down."}')
    assert read_labelled_data(path, "multiple-choice", ConvBertConfig())[0].expected == 1


def test_plain_texts(tmp_path: Path) -> None:
    lines = read_labelled_data(written(tmp_path, "a.txt", " a b\n\nc\n"), "fill-mask", ConvBertConfig())
    objects = read_labelled_data(
        written(tmp_path, "a.jsonl", '{"text": "a b"}\n{"text": "c"}'), "fill-mask", ConvBertConfig()
    )
    assert [one.call for one in lines] == [one.call for one in objects] == [{"inputs": "a b"}, {"inputs": "c"}]
    assert [one.place.rpartition(", ")[2] for one in lines] == ["line 1", "line 3"]


@pytest.mark.parametrize(
    "word", ["10\u00a0000", "10\u202f000", "東京\u3000都", "a\u2028b", "a\x85b", "a\x0cb", "a\x1cb"]
)
@pytest.mark.parametrize("blank", [" ", "\t", " \t "])
def test_only_blanks_and_tabs_part_columns(tmp_path: Path, word: str, blank: str) -> None:
    path = written(tmp_path, "a.conll", f"Prix{blank}O\n{word}{blank}NN{blank}B-ORG\n€{blank}O\n\n")
    (example,) = read_labelled_data(path, "token-classification", ENTITIES)
    assert (example.call["inputs"], example.expected) == (["Prix", word, "€"], ("O", "B-ORG", "O"))


@pytest.mark.parametrize("character", ["\u00a0", "\u2028", "\x85", "\x0c", "\x1e", "\0"])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "text,label\n{},neutral\n"),
        ("a.tsv", "text\tlabel\n{}\tneutral\n"),
        ("a.jsonl", '{{"text": "{}", "label": 1}}\n'),
    ],
)
def test_texts_may_hold_any_separator(tmp_path: Path, character: str, name: str, text: str) -> None:
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
def test_all_line_ends_and_a_byte_order_mark(tmp_path: Path, end: str, task: str, name: str, lines: list[str]) -> None:
    config = ENTITIES if task == "token-classification" else SENTIMENT
    read = [
        read_labelled_data(written(tmp_path, name, text), task, config)
        for text in ("\n".join(lines), "\ufeff" + end.join(lines))
    ]
    assert len(read[0]) == 2
    assert read[0] == read[1]


def test_long_texts_are_read_and_the_limit_of_csv_stays(tmp_path: Path) -> None:
    limit = csv.field_size_limit()
    long = "word " * 40_000
    for name, text in (("a.csv", f'text,label\n"{long}",neutral\n'), ("a.tsv", f"text\tlabel\n{long}\tneutral\n")):
        path = written(tmp_path, name, text)
        with ThreadPoolExecutor(4) as pool:
            futures = [pool.submit(read_labelled_data, path, "text-classification", SENTIMENT) for _ in range(8)]
        assert all(future.result()[0].call["inputs"]["text"] == long for future in futures)
    assert csv.field_size_limit() == limit


def test_quotes_in_tsv_are_text_and_rows_before_an_error_count(tmp_path: Path) -> None:
    path = written(tmp_path, "a.tsv", 'text\tlabel\n"a\tneutral\n')
    assert read_labelled_data(path, "text-classification", SENTIMENT)[0].call["inputs"]["text"] == '"a'
    path = written(tmp_path, "a.csv", 'text,label\na,neutral\n"b" c,neutral\n')
    assert len(read_labelled_data(path, "text-classification", SENTIMENT, limit=1)) == 1


PARAGRAPH = '{"data": [{"paragraphs": [%s]}]}'


@pytest.mark.parametrize(
    ("task", "name", "text", "message"),
    [
        ("question-answering", "a.json", "{", r"a\.json is not JSON .*SQuAD's format"),
        ("question-answering", "a.json", "[]", r"a\.json: a list `data` is missing"),
        ("question-answering", "a.json", '{"data": [5]}', r"a\.json, data\[0\] must be an object with paragraphs"),
        ("question-answering", "a.json", PARAGRAPH % "{}", r"data\[0\]\.paragraphs\[0\]: `context` must be there"),
        (
            "question-answering",
            "a.json",
            PARAGRAPH % '{"context": "x", "qas": [{"question": "y"}]}',
            r"paragraphs\[0\]\.qas\[0\]: a list `answers` is missing",
        ),
        ("question-answering", "a.json", PARAGRAPH % '{"context": "x", "qas": [1]}', r"qas\[0\] must be an object"),
        ("question-answering", "a.json", '{"data": []}', "holds no example"),
        ("question-answering", "a.json", "[" * 100_000, "is not JSON .*SQuAD's format"),
        (
            "question-answering",
            "a.json",
            PARAGRAPH % '{"context": "x", "qas": [{"question": "y", "answers": [], "is_impossible": "false"}]}',
            r"qas\[0\]: `is_impossible` must be true or false, not 'false'",
        ),
        (
            "question-answering",
            "a.json",
            PARAGRAPH % '{"context": "x", "qas": [{"question": "y", "answers": ["z"]}]}',
            r"qas\[0\]: `text` must be there",
        ),
        ("token-classification", "a.conll", "Ada B-PER\nBob\n", "line 2: a word and its tag are expected"),
        (
            "token-classification",
            "a.conll",
            "Ada B-CAT\n",
            r"line 1: the model has no label 'B-CAT'; it has O \(0\), B-",
        ),
        ("token-classification", "a.conll", "Ada NOUN\n", "no label 'NOUN'"),
        ("token-classification", "a.conll", "Ada 99\n", "no label '99'"),
        ("token-classification", "a.conll", f"Ada {'9' * 5000}\n", "no label '9999"),
        ("token-classification", "a.conll", "\n\n", "holds no example"),
        ("token-classification", "a.conll", b"Ada O\nBj\xf6rn O\n", "line 2: this is not UTF-8"),
        (
            "text-classification",
            "a.csv",
            "text,category\na,b\n",
            "line 1: a header with text and label .* text, category",
        ),
        ("text-classification", "a.csv", "", "not an empty file"),
        ("text-classification", "a.csv", 'text,label\n"a" b,neutral\n', r"line 2: .*fix the quotes"),
        ("text-classification", "a.csv", "text,label\na, b,neutral\n", "line 2: there are more columns"),
        ("text-classification", "a.tsv", "text\tlabel\na\tneutral\nb\n", "line 3: `label` is missing"),
        ("text-classification", "a.tsv", "text\tlabel\na\tgood\n", r"no label 'good'; it has negative \(0\), neutral"),
        ("text-classification", "a.tsv", "text\tlabel\na\t3\n", "no label '3'"),
        ("text-classification", "a.jsonl", '{"text": "a", "label": true}', "no label True"),
        ("text-classification", "a.jsonl", '{"text": "a", "label": ["neutral"]}', "a text with several labels"),
        ("text-classification", "a.jsonl", '{"text": 5, "label": 0}', "line 1: `text` must be there, as a string"),
        ("text-classification", "a.jsonl", "\n{", "line 2: this is not JSON"),
        ("text-classification", "a.jsonl", "[" * 100_000, "line 1: this is nested too deep"),
        ("text-classification", "a.jsonl", '{"text": "a", "label": NaN}', "no label nan"),
        ("text-classification", "a.jsonl", '{"text": "a", "label": {}}', "no label {}"),
        ("text-classification", "a.csv", "text,label\na,neutral\n".encode("utf-16"), "line 1: this is not UTF-8"),
        ("text-classification", "a.jsonl", "[]", "line 1: the line must be a JSON object, not list"),
        ("text-classification", "a.xlsx", "", r"\.csv, \.tsv or \.jsonl is expected"),
        ("multiple-choice", "a.jsonl", '{"prompt": "a", "choices": [], "label": 0}', "`choices` must be there"),
        ("multiple-choice", "a.jsonl", '{"prompt": "a", "choices": ["b"], "label": 1}', "number of a choice, 0 to 0"),
        ("multiple-choice", "a.jsonl", '{"choices": ["b"], "label": 0}', "`prompt` must be there"),
        ("fill-mask", "a.jsonl", '{"inputs": "a"}', "`text` must be there"),
        (
            "feature-extraction",
            "a.txt",
            "a",
            "feature-extraction has no labelled data; tasks that have are fill-mask",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(
    task: str, name: str, text: str | bytes, message: str, tmp_path: Path
) -> None:
    config = ENTITIES if task == "token-classification" else SENTIMENT
    with pytest.raises(InputError, match=message):
        read_labelled_data(written(tmp_path, name, text), task, config)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (ConvBertConfig(problem_type="multi_label_classification"), "the model is for multi_label_classification"),
        (ConvBertConfig(problem_type="regression", num_labels=1), "the model is for regression"),
        (ConvBertConfig(num_labels=1), "the model is for regression"),
    ],
)
def test_a_model_without_one_label_per_text_is_refused(config: ConvBertConfig, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_labelled_data(LABELLED / "polarity.tsv", "text-classification", config)


def test_labels_that_are_no_entities_are_refused() -> None:
    with pytest.raises(InputError, match=r"labels are NOUN \(0\), VERB \(1\): entities can be counted only"):
        read_labelled_data(
            LABELLED / "wikigold.conll", "token-classification", ConvBertConfig(id2label={0: "NOUN", 1: "VERB"})
        )


def test_a_missing_file_and_a_limit_of_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileMissingError, match=r"a\.tsv is not a file"):
        read_labelled_data(tmp_path / "a.tsv", "text-classification", SENTIMENT)
    with pytest.raises(InputError, match="limit parameter should be >= 1"):
        read_labelled_data(LABELLED / "polarity.tsv", "text-classification", SENTIMENT, limit=0)
