import json
from pathlib import Path

import numpy as np
import pytest
from golden import Exported
from quantized_files import CALIBRATION, with_metadata

from convbert_onnx import ConvBertOnnxPipeline
from convbert_onnx.errors import FileMissingError, InputError
from convbert_onnx.exporters import calibrate, quantize
from convbert_onnx.exporters.quantization.calibration_data import read_feeds
from convbert_onnx.runtime.evaluation.sample_text import QUESTIONS


def test_text_and_tokens_give_the_same_ranges(exported: Exported, tmp_path: Path) -> None:
    original = exported(task="text-classification")
    pipe = ConvBertOnnxPipeline(original)
    texts = CALIBRATION["fill-mask"].read_text().split(". ")
    (tmp_path / "texts.txt").write_text("\n".join(texts))
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    rows = [pipe.tokenizer.model_row(pipe.tokenizer.encode_text(text)).ids.tolist() for text in texts]
    (tmp_path / "tokens.jsonl").write_text("".join(json.dumps({"input_ids": row}) + "\n" for row in rows))
    longest = max(map(len, rows))
    np.savez(
        tmp_path / "tokens.npz",
        input_ids=[row + [0] * (longest - len(row)) for row in rows],
        attention_mask=[[1] * len(row) + [0] * (longest - len(row)) for row in rows],
    )
    expected = calibrate(original, tmp_path / "texts.txt")
    assert calibrate(original, tmp_path / "texts.jsonl") == expected
    assert calibrate(original, tmp_path / "tokens.jsonl") == expected
    padded = calibrate(original, tmp_path / "tokens.npz")
    # Padding has activations too.
    assert all(
        low <= own_low + 1e-4 and high >= own_high - 1e-4
        for (low, high), (own_low, own_high) in zip(padded.values(), expected.values(), strict=True)
    )


def test_files_of_other_formats_are_refused(exported: Exported, tmp_path: Path) -> None:
    original = exported()
    with pytest.raises(FileMissingError, match=r"nowhere.txt is not a file: name one with texts to calibrate on"):
        calibrate(original, tmp_path / "nowhere.txt")
    with pytest.raises(InputError, match=r"question-answering reads more than one text; calibrate on labelled data"):
        calibrate(original, CALIBRATION["fill-mask"])
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(InputError, match=r"empty.txt holds no text to calibrate on"):
        calibrate(exported(task="text-classification"), tmp_path / "empty.txt")
    np.savez(tmp_path / "wrong.npz", ids=[[1]])
    with pytest.raises(InputError, match="an array `input_ids` is missing"):
        calibrate(original, tmp_path / "wrong.npz")
    (tmp_path / "wrong.jsonl").write_text("{")
    with pytest.raises(InputError, match=r"wrong.jsonl, line 1: this is not JSON"):
        calibrate(original, tmp_path / "wrong.jsonl")
    (tmp_path / "wrong.npz").write_bytes(b"PK not a zip file")
    with pytest.raises(InputError, match=r"wrong.npz is not a file of numpy arrays"):
        calibrate(original, tmp_path / "wrong.npz")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (['{"input_ids": [1, 2]}', "", "{"], "line 3: this is not JSON"),
        (['{"input_ids": [1, 2]}', '{"ids": [1]}'], "line 2: `input_ids` is missing"),
        (['{"input_ids": [1, 2.5]}'], "line 1: `input_ids` must be a list of integers"),
        (['{"input_ids": [[1], [1, 2]]}'], "line 1: `input_ids` must be a list of integers"),
        (['{"input_ids": "text"}'], "line 1: `input_ids` must be a list of integers"),
        (['{"input_ids": [1, 99999]}'], "line 1: `input_ids` must be between 0 and"),
        (['{"input_ids": [-1]}'], "line 1: `input_ids` must be between 0 and"),
        (['{"input_ids": []}'], "line 1: `input_ids` must have 1 to"),
        ([f'{{"input_ids": {[1] * 2000}}}'], "line 1: `input_ids` must have 1 to .* tokens, not 2000"),
        (['{"input_ids": [1, 2], "attention_mask": [1]}'], "`attention_mask` must have as many elements as"),
        (['{"text": "fine"}', '{"text": 5}'], "line 2: `text` is missing or not a string"),
        (['{"text": "fine"}', '{"label": 5}'], "line 2: `text` is missing or not a string"),
        (['{"text": "fine"}', "[]"], "line 2: the line must be a JSON object, not list"),
        (['{"text": "fine"}', '{"text": '], "line 2: this is not JSON"),
        (['{"text": "fine"}', "[" * 100_000], "line 2: the JSON is nested too deeply"),
        (['{"input_ids": [1, 2]}', f'{{"input_ids": [{10**30}]}}'], "line 2: `input_ids` must be a list of integers"),
        (['{"input_ids": [1, 2]}', '{"input_ids": {"a": 1}}'], "line 2: `input_ids` must be a list of integers"),
        (['{"input_ids": [1, 2]}', '{"input_ids": null}'], "line 2: `input_ids` must be a list of integers"),
        (['{"input_ids": [1]}', '{"input_ids": [1], "token_type_ids": [[0]]}'], "line 2: `token_type_ids` must be"),
    ],
)
def test_errors_name_the_line(exported: Exported, tmp_path: Path, lines: list[str], message: str) -> None:
    (tmp_path / "wrong.jsonl").write_text("\n".join(lines))
    with pytest.raises(InputError, match=message):
        calibrate(exported(task="text-classification"), tmp_path / "wrong.jsonl")


def test_long_texts_are_truncated_to_the_model(exported: Exported, tmp_path: Path) -> None:
    short = with_metadata(
        exported("plain", task="text-classification"), tmp_path / "short.onnx", settings={"model_max_length": 16}
    )
    text = tmp_path / "text.txt"
    text.write_text(f"{QUESTIONS[0][1]}\nBread rises.\n")
    with pytest.raises(InputError, match="longer than the model's maximum of 16"):
        ConvBertOnnxPipeline(short)(QUESTIONS[0][1])
    assert calibrate(short, text, "min-max")
    assert quantize(short, tmp_path / "int8.onnx").comparison


@pytest.mark.parametrize(
    ("task", "lines", "message"),
    [
        (
            "multiple-choice",
            ['{"prompt": "It", "choices": ["a", "b"], "label": 0}', '{"prompt": "It"}'],
            "`choices` is missing",
        ),
        ("multiple-choice", ['{"prompt": "It", "choices": ["a", "b"], "label": 0}', "nonsense"], "this is not JSON"),
        ("text-classification", ['{"label": "x", "body": ""}', "{}"], "`text` is missing"),
    ],
)
def test_errors_name_the_line_of_labelled_data(
    exported: Exported, tmp_path: Path, task: str, lines: list[str], message: str
) -> None:
    (tmp_path / "wrong.jsonl").write_text("\n".join(lines))
    with pytest.raises(InputError, match=rf"wrong\.jsonl, line \d: {message}"):
        calibrate(exported(task=task), tmp_path / "wrong.jsonl")


def test_at_most_256_rows_are_read(exported: Exported, tmp_path: Path) -> None:
    (tmp_path / "tokens.jsonl").write_text('{"input_ids": [1, 2, 3]}\n' * 256 + "not read")
    feeds = read_feeds(ConvBertOnnxPipeline(exported()), tmp_path / "tokens.jsonl")
    assert len(feeds) == 256
    assert {name: array.tolist() for name, array in feeds[-1].items()} == {
        "input_ids": [[1, 2, 3]],
        "attention_mask": [[1, 1, 1]],
        "token_type_ids": [[0, 0, 0]],
    }
