"""Pipelines compared with the reference's, for settings of the tokenizer that change how texts become rows."""

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
import transformers
from golden import CHECKPOINTS, Exported, same_result

from convbert_onnx import ConvBertOnnxPipeline

CONTEXT = "The dust is from the Sahara. It falls on the Amazon, where it rains , and isn't seen . " * 8
# 71 tokens: two full windows of 40 that share 5, so that the reference pads none.
WINDOWS = "the of " * 35 + "the"
SETTINGS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "no token types": {"model_input_names": ["input_ids", "attention_mask"]},
    "a class without token types": {"tokenizer_class": "DistilBertTokenizer"},
    "cut on the left": {"truncation_side": "left", "model_max_length": 40},
    "padded on the left": {"padding_side": "left", "model_max_length": 40},
    "cased, blanks stay": {"do_lower_case": False, "clean_up_tokenization_spaces": False},
}
CALLS: dict[str, list[tuple[tuple[Any, ...], dict[str, Any]]]] = {
    "text-classification": [
        (({"text": "It falls.", "text_pair": "The dust rises."},), {}),
        (({"text": "It falls.", "text_pair": ""},), {}),
        (([{"text": "It falls.", "text_pair": ""}, {"text": "It falls.", "text_pair": "x"}],), {"top_k": None}),
        ((CONTEXT,), {"truncation": True}),
    ],
    "question-answering": [
        ((), {"question": "Where does it fall?", "context": CONTEXT}),
        ((), {"question": "Who?", "context": CONTEXT[:90], "top_k": 4, "align_to_words": False}),
        ((), {"question": "Who?", "context": CONTEXT[:60], "top_k": 3, "handle_impossible_answer": True}),
    ],
    "token-classification": [
        ((CONTEXT,), {}),
        ((WINDOWS,), {"aggregation_strategy": "first", "stride": 5}),
        ((["The", "dust", "falls"],), {"is_split_into_words": True, "delimiter": " "}),
        (([["The", "dust"], ["falls"]],), {"is_split_into_words": True, "delimiter": "-"}),
    ],
    "fill-mask": [(("It isn't [MASK] , on the Amazon .",), {}), (("It [MASK] on.",), {"targets": ["falls", "The"]})],
}


def checkpoint(directory: Path, task: str, settings: dict[str, Any]) -> Path:
    for name in ("config.json", "model.safetensors"):
        (directory / name).symlink_to(CHECKPOINTS / f"plain-{task}" / name)
    for name in ("vocab.txt", "tokenizer.json", "tokenizer_config.json"):
        (directory / name).write_bytes((CHECKPOINTS / "plain-question-answering" / name).read_bytes())
    path = directory / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))
    return directory


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("task", CALLS)
def test_answers_are_the_references(task: str, name: str, exported: Exported, tmp_path: Path) -> None:
    directory = checkpoint(tmp_path, task, SETTINGS[name])
    reference = transformers.pipeline(task, model=str(directory), device="cpu")
    ours = ConvBertOnnxPipeline(exported(task=task), tokenizer=directory)
    for args, options in CALLS[task]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert same_result(ours(*args, **options), reference(*args, **options)), (args, options)


def test_the_comparison_sees_a_difference(exported: Exported, tmp_path: Path) -> None:
    model = exported(task="text-classification")
    (tmp_path / "zeros").mkdir()
    zeros = checkpoint(tmp_path / "zeros", "text-classification", SETTINGS["no token types"])
    ((pair,), _), *_ = CALLS["text-classification"]
    assert not same_result(ConvBertOnnxPipeline(model, tokenizer=zeros)(pair), ConvBertOnnxPipeline(model)(pair))
