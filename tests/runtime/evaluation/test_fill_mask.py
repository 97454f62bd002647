"""Evaluation of fill-mask: the reader of plain texts, and masked word pieces."""

from pathlib import Path

import pytest
from golden import Exported
from labelled import SENTIMENT, written

from convbert_onnx import ConvBertConfig, ConvBertOnnxPipeline
from convbert_onnx.errors import InputError
from convbert_onnx.runtime.evaluation.base import LabelledExample
from convbert_onnx.runtime.evaluation.datasets import read_labelled_data
from convbert_onnx.runtime.evaluation.evaluate import evaluate
from convbert_onnx.runtime.evaluation.fill_mask import EVALUATION, mask_pieces
from convbert_onnx.runtime.evaluation.predictions import predict


def test_read_text_lines_and_json_lines_alike(tmp_path: Path) -> None:
    lines = read_labelled_data(written(tmp_path, "a.txt", " a b\n\nc\n"), "fill-mask", ConvBertConfig())
    objects = read_labelled_data(
        written(tmp_path, "a.jsonl", '{"text": "a b"}\n{"text": "c"}'), "fill-mask", ConvBertConfig()
    )
    assert [one.call for one in lines] == [one.call for one in objects] == [{"inputs": "a b"}, {"inputs": "c"}]
    assert [one.place.rpartition(", ")[2] for one in lines] == ["line 1", "line 3"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.jsonl", '{"inputs": "a"}', "`text` is missing"),
    ],
)
def test_read_error_names_the_place(name: str, text: str | bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        read_labelled_data(written(tmp_path, name, text), "fill-mask", SENTIMENT)


def test_mask_pieces_masks_one_word_piece_and_predict_fills_it(exported: Exported) -> None:
    pipe = ConvBertOnnxPipeline(exported(task="fill-mask"))
    text = "The dust falls on the Amazon."
    examples = [LabelledExample(f"line {number}", {"inputs": text}, None) for number in range(40)]
    masked = mask_pieces(pipe, examples)
    tokens = pipe.tokenizer.tokenize(text)
    assert all(tokens[one.call["position"]] == one.expected for one in masked)
    assert {one.call["position"] for one in masked} == set(range(len(tokens)))
    assert mask_pieces(pipe, examples) == masked != mask_pieces(pipe, examples, seed=1)
    # The word piece is masked, as the pipeline masks a whole word.
    word = next(one for one in masked if one.expected == "on")
    expected = pipe("The dust falls [MASK] the Amazon.", top_k=1)[0]["token"]
    assert predict(pipe, [word]) == pipe.tokenizer.convert_ids_to_tokens([expected])


def test_text_without_known_word_piece_is_refused_with_its_line(exported: Exported, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="line 2: there is no word piece to mask"):
        evaluate(exported(task="fill-mask"), written(tmp_path, "a.txt", "fine\n\u4e00\U0001f600\n"))


def test_sample_examples_mask_unknown_words_of_a_foreign_vocabulary(
    exported: Exported, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = ConvBertOnnxPipeline(exported(task="fill-mask"))
    known = EVALUATION.sample_examples(pipe)
    assert all(example.expected for example in known)
    special = list(range(pipe.tokenizer.vocab_size))
    monkeypatch.setattr(pipe.tokenizer, "all_special_ids", special)
    unknown = EVALUATION.sample_examples(pipe)
    assert [example.call["position"] for example in unknown] == [0] * len(known)
    assert not any(example.expected for example in unknown)
