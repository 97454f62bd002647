"""A directory of tokenizer files, loaded and used by both tokenizers. An input maps file names to contents, as JSON.

A string is the text of a file; other values are written as JSON. ``text`` is the text to tokenize.
"""

import json
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.runtime import ConvBertTokenizer, ConvBertTokenizerFast
from convbert_onnx.runtime.tokenization.loading import load_tokenizer

from ..mutate import mutate_bytes, mutate_json, parse_json
from . import Target, allow_documented_errors, check_result

_NAMES = (
    *("do_lower_case", "strip_accents", "tokenize_chinese_chars", "model_max_length", "max_len", "tokenizer_class"),
    *("pad_token", "unk_token", "cls_token", "sep_token", "mask_token", "additional_special_tokens", "bos_token"),
    *(
        "added_tokens_decoder",
        "padding_side",
        "truncation_side",
        "clean_up_tokenization_spaces",
        "split_special_tokens",
    ),
    *("model_input_names", "never_split", "word_tokenizer_type", "extra_special_tokens", "do_basic_tokenize"),
    *("single_word", "lstrip", "rstrip", "normalized", "special", "content", "id", "truncation", "padding"),
    *("normalizer", "pre_tokenizer", "post_processor", "decoder", "model", "vocab", "unk_token", "type"),
)
_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.txt")
_WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "dust", "falls", "##s", "d", "##u", ".", "ä", "日"]
_FOLDER = TemporaryDirectory()
_CONFIG = ConvBertConfig(vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, pad_token_id=0)


def run(data: bytes) -> None:
    contents = parse_json(data)
    if not isinstance(contents, dict):
        return
    text = contents.pop("text", "The dust falls.")
    for name in _FILES:
        path = Path(_FOLDER.name) / name
        path.unlink(missing_ok=True)
        if name in contents:
            content = contents[name] if isinstance(contents[name], str) else json.dumps(contents[name])
            path.write_bytes(content.encode("utf-8", "surrogatepass"))
    for load in (load_tokenizer, ConvBertTokenizerFast.from_pretrained, ConvBertTokenizer.from_pretrained):
        with allow_documented_errors():
            _use(load(_FOLDER.name), text)


def _use(tokenizer: Any, text: Any) -> None:
    encoded = tokenizer(text, return_offsets_mapping=True, truncation=True, max_length=16)
    check_result(encoded)
    ids = [number for row in encoded["input_ids"] for number in (row if isinstance(row, list) else [row])]
    tokenizer.decode(ids, skip_special_tokens=True).encode("utf-8", "surrogatepass")
    tokenizer(["dust", "falls"], ["", "The dust"], padding="max_length", max_length=32, truncation="only_first")
    tokenizer.check_fits(_CONFIG)
    for content in tokenizer.files().values():
        content.encode()


def mutate(data: bytes, random: Random) -> bytes:
    contents = json.loads(data)
    if not isinstance(contents, dict) or not contents or random.random() < 0.05:
        return seeds()[random.randrange(2)]
    name = random.choice(list(contents))
    if isinstance(contents[name], str) and random.random() < 0.5:
        contents[name] = mutate_bytes(contents[name].encode("utf-8", "surrogatepass"), random).decode(errors="replace")
    elif random.random() < 0.05:
        del contents[name]
    else:
        contents[name] = mutate_json(contents[name], random, _NAMES)
    return json.dumps(contents).encode()


def seeds() -> list[bytes]:
    tokens = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")}
    added = {"content": "<x>", "single_word": False, "lstrip": True, "rstrip": False, "normalized": False}
    settings = {
        "do_lower_case": True,
        "strip_accents": None,
        "model_max_length": 24,
        "padding_side": "right",
        "tokenizer_class": "ConvBertTokenizer",
        "added_tokens_decoder": {"14": {**added, "special": True}},
        **tokens,
    }
    slow: dict[str, Any] = {
        "vocab.txt": "\n".join(_WORDS) + "\n",
        "tokenizer_config.json": settings,
        "special_tokens_map.json": tokens,
        "added_tokens.json": {"<x>": 14},
        "text": "The dust <x> falls. [MASK] 日",
    }
    Path(_FOLDER.name, "vocab.txt").write_text(slow["vocab.txt"], encoding="utf-8")
    tokenizer = ConvBertTokenizer.from_vocab(Path(_FOLDER.name, "vocab.txt"))
    fast = {**slow, "tokenizer.json": json.loads(tokenizer.tokenizer_json)}
    return [json.dumps(contents).encode() for contents in (slow, fast)]


TARGET = Target(run, mutate, seeds)
