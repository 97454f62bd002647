"""Evaluation of token classification: the reader of CoNLL files, and predictions by word."""

from pathlib import Path

import pytest
from golden import Exported
from labelled import ENTITIES, LABELLED, written

from convbert_onnx import ConvBertConfig, ConvBertOnnxPipeline
from convbert_onnx.errors import InputError
from convbert_onnx.runtime.evaluation.base import LabelledExample
from convbert_onnx.runtime.evaluation.datasets import read_labelled_data
from convbert_onnx.runtime.evaluation.predictions import predict


def test_read_conll() -> None:
    examples = read_labelled_data(LABELLED / "wikigold.conll", "token-classification", ENTITIES)
    first = examples[0]
    assert first.place.endswith("line 3")
    assert first.call["inputs"][:3] == ["010", "is", "the"]
    assert first.expected[:3] == ("I-MISC", "O", "O")
    assert not any("-DOCSTART-" in example.call["inputs"] for example in examples)
    assert all(len(example.expected) == len(example.call["inputs"]) for example in examples)


def test_read_skips_middle_columns_and_accepts_label_numbers(tmp_path: Path) -> None:
    path = written(tmp_path, "a.conll", "Ada\tNNP\tB-PER\r\nsat\tVBD\t0\r\n\r\n\r\n# # O\r\n")
    first, second = read_labelled_data(path, "token-classification", ENTITIES)
    assert (first.call["inputs"], first.expected) == (["Ada", "sat"], ("B-PER", "O"))
    assert (second.call["inputs"], second.expected) == (["#"], ("O",))


@pytest.mark.parametrize(
    "word", ["10\u00a0000", "10\u202f000", "東京\u3000都", "a\u2028b", "a\x85b", "a\x0cb", "a\x1cb"]
)
@pytest.mark.parametrize("blank", [" ", "\t", " \t "])
def test_read_splits_columns_only_at_spaces_and_tabs(tmp_path: Path, word: str, blank: str) -> None:
    path = written(tmp_path, "a.conll", f"Prix{blank}O\n{word}{blank}NN{blank}B-ORG\n€{blank}O\n\n")
    (example,) = read_labelled_data(path, "token-classification", ENTITIES)
    assert (example.call["inputs"], example.expected) == (["Prix", word, "€"], ("O", "B-ORG", "O"))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.conll", "Ada B-PER\nBob\n", "line 2: expected a word and its tag"),
        (
            "a.conll",
            "Ada B-CAT\n",
            r"line 1: the model has no label 'B-CAT'; it has O \(0\), B-",
        ),
        ("a.conll", "Ada NOUN\n", "no label 'NOUN'"),
        ("a.conll", "Ada 99\n", "no label '99'"),
        ("a.conll", f"Ada {'9' * 5000}\n", "no label '9999"),
        ("a.conll", "\n\n", "has no example"),
        ("a.conll", b"Ada O\nBj\xf6rn O\n", "line 2: this is not UTF-8"),
    ],
)
def test_read_error_names_the_place(name: str, text: str | bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        read_labelled_data(written(tmp_path, name, text), "token-classification", ENTITIES)


def test_read_refuses_models_without_entity_labels() -> None:
    with pytest.raises(InputError, match=r"labels are NOUN \(0\), VERB \(1\): entities can be counted only"):
        read_labelled_data(
            LABELLED / "wikigold.conll", "token-classification", ConvBertConfig(id2label={0: "NOUN", 1: "VERB"})
        )


def test_predict_labels_a_word_by_its_first_token(exported: Exported) -> None:
    pipe = ConvBertOnnxPipeline(exported(task="token-classification"))
    words = ["Unbelievably", "\u200b", "Zürich", "fell"]
    example = LabelledExample("here", {"inputs": words, "is_split_into_words": True}, ("O",) * 4)
    (tags,) = predict(pipe, [example])
    row = pipe.tokenizer.model_row(pipe.tokenizer.encode_text(" ".join(words)))
    (output,) = pipe.raw_outputs([row])
    best = [pipe.config.id2label[int(number)] for number in output["logits"].argmax(axis=-1)]
    starts = row.offsets[:, 0].tolist()
    first, zurich, fell = (best[starts.index(place, 1)] for place in (0, 15, 22))
    assert len(row) > 6  # words have several tokens, or the test shows nothing
    assert tags == (first, "O", zurich, fell)  # what has no token is no entity


def test_predict_labels_words_past_the_maximum_length_as_outside(exported: Exported) -> None:
    pipe = ConvBertOnnxPipeline(exported("grouped", task="token-classification"))
    words = ["dust"] * 200
    example = LabelledExample("here", {"inputs": words, "is_split_into_words": True}, ("O",) * 200)
    (tags,) = predict(pipe, [example])
    assert isinstance(tags, tuple)
    assert len(tags) == 200
    assert set(tags[126:]) == {"O"}
