"""Both tokenizers compared with the reference's, for directories whose files disagree or lack something."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import transformers
from golden import CHECKPOINTS

from convbert_onnx import ConvBertTokenizer, ConvBertTokenizerFast
from convbert_onnx.runtime.tokenization.base import TokenizerBase
from convbert_onnx.runtime.tokenization.settings import read_settings

CLASSES: list[type[TokenizerBase]] = [ConvBertTokenizer, ConvBertTokenizerFast]
SIZE = 600
"""Tokens in the vocabulary: the first of the checkpoint's, which is faster to open."""

TEXTS = [
    "Élan Vital ISTANBUL 我住在 Paris.",
    "İstanbul'da I\u011fd\u0131r, DİYARBAKIR \u0131s\u0131",
    "Took <drug> for [ENT]covid-19 today, COVID-19 and covid-19s.",
    "a<drug>b <DRUG> \t<drug>\u3000 x_<drug>_x <ent>  [MASK]  [mask]ing <pad> the<s>",
    "😀 the\u200dman \x00 \x85\ufffd e\u0301te\u0301 \ue000 ²<drug>² ⓐ<drug>ⓐ",
    "isn't it , said the man . don't ! ##a # # 30 %",
    "",
    " ",
]
DRUG = {
    "content": "<drug>",
    "lstrip": False,
    "rstrip": False,
    "single_word": False,
    "normalized": True,
    "special": False,
}
ENT = {"content": "[ENT]", "lstrip": False, "rstrip": False, "single_word": False, "normalized": False, "special": True}

Change = Callable[[Path], None]


def config(**entries: Any) -> Change:
    """A change of tokenizer_config.json; None takes an entry out."""

    def change(directory: Path) -> None:
        path = directory / "tokenizer_config.json"
        values = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        values = {name: value for name, value in (values | entries).items() if value is not None}
        path.write_text(json.dumps(values))

    return change


def decoder(*tokens: dict[str, Any], first: int = SIZE) -> Change:
    """Tokens that are added to added_tokens_decoder, numbered from ``first``."""

    def change(directory: Path) -> None:
        path = directory / "tokenizer_config.json"
        values = json.loads(path.read_text(encoding="utf-8"))
        values["added_tokens_decoder"] |= {str(first + place): token for place, token in enumerate(tokens)}
        path.write_text(json.dumps(values))

    return change


def write(name: str, content: Any) -> Change:
    def change(directory: Path) -> None:
        (directory / name).write_text(json.dumps(content))

    return change


def drop(*names: str) -> Change:
    def change(directory: Path) -> None:
        for name in names:
            (directory / name).unlink()

    return change


def part(**parts: Any) -> Change:
    """A change of tokenizer.json."""

    def change(directory: Path) -> None:
        path = directory / "tokenizer.json"
        if path.exists():
            path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | parts))

    return change


def vocabulary(edit: Callable[[str], str]) -> Change:
    def change(directory: Path) -> None:
        path = directory / "vocab.txt"
        path.write_bytes(edit(path.read_text(encoding="utf-8")).encode())

    return change


NO_JSON = drop("tokenizer.json")
OLD = config(added_tokens_decoder=None)
NEW_TOKENS = {"<drug>": SIZE, "covid-19": SIZE + 1, "[ENT]": SIZE + 2}
CASES: dict[str, list[Change]] = {
    "nothing": [],
    "no settings at all": [drop("tokenizer_config.json", "special_tokens_map.json")],
    "only tokenizer_config.json": [drop("special_tokens_map.json")],
    "cased": [config(do_lower_case=False)],
    "cased, Bert": [config(do_lower_case=False, tokenizer_class="BertTokenizer")],
    "cased, ElectraFast": [config(do_lower_case=False, tokenizer_class="ElectraTokenizerFast")],
    "cased, PreTrained": [config(do_lower_case=False, tokenizer_class="PreTrainedTokenizerFast")],
    "cased, class from config.json": [
        config(do_lower_case=False, tokenizer_class=None),
        write("config.json", {"model_type": "convbert", "tokenizer_class": "PreTrainedTokenizerFast"}),
    ],
    "cased, no class": [config(do_lower_case=False, tokenizer_class=None)],
    "no lower-casing named": [config(do_lower_case=None)],
    "accents kept": [config(strip_accents=False)],
    "accents stripped, cased": [config(strip_accents=True, do_lower_case=False)],
    "Chinese characters not split": [config(tokenize_chinese_chars=False)],
    "added, old": [OLD, write("added_tokens.json", NEW_TOKENS)],
    "added, old and special": [
        OLD, write("added_tokens.json", NEW_TOKENS), config(additional_special_tokens=["[ENT]", "<s>"])
    ],
    "added, with a gap": [OLD, write("added_tokens.json", {"<drug>": SIZE + 75, "[ENT]": SIZE + 5})],
    "added, of the vocabulary": [OLD, write("added_tokens.json", {"the": 300, "vit": 5000})],
    "added, new": [decoder(DRUG, ENT)],
    "added, lstrip": [decoder({**DRUG, "lstrip": True}, ENT)],
    "added, rstrip": [decoder({**DRUG, "rstrip": True}, {**ENT, "rstrip": True, "lstrip": True})],
    "added, single word": [decoder({**DRUG, "single_word": True}, {**ENT, "single_word": True})],
    "added, as it is": [decoder({**DRUG, "normalized": False}, {**ENT, "normalized": True})],
    "added, one in another": [decoder({**DRUG, "content": "covid"}, {**DRUG, "content": "covid-19"})],
    "added, Chinese": [decoder({**DRUG, "content": "我住"}, {**DRUG, "content": "İstanbul"})],
    "added, split": [decoder(DRUG, ENT), config(split_special_tokens=True)],
    "mask with flags": [
        OLD, write("special_tokens_map.json", {"mask_token": {**ENT, "content": "[MASK]", "lstrip": True}})
    ],
    "mask with flags in tokenizer_config.json": [
        config(mask_token={**ENT, "content": "<mask>", "lstrip": True, "__type": "AddedToken"})
    ],
    "the map wins where nothing is listed": [OLD, write("special_tokens_map.json", {"mask_token": "<drug>"})],
    "the map loses where tokens are listed": [write("special_tokens_map.json", {"mask_token": "<drug>"})],
    "special tokens of both files": [
        OLD,
        config(additional_special_tokens=["[ENT]"]),
        write("special_tokens_map.json", {"additional_special_tokens": [{**DRUG, "rstrip": True}, "[ENT]"]}),
    ],
    "extra special tokens": [
        config(extra_special_tokens={"drug_token": "<drug>"}, additional_special_tokens=["[ENT]"])
    ],
    "bos and eos": [config(bos_token="<s>", eos_token="</s>")],
    "pad of another name": [config(pad_token="<pad>")],
    "limits in tokenizer.json": [
        part(
            truncation={"direction": "Left", "max_length": 4, "strategy": "LongestFirst", "stride": 0},
            padding={"strategy": {"Fixed": 9}, "direction": "Left", "pad_to_multiple_of": None, "pad_id": 0,
                     "pad_type_id": 0, "pad_token": "[PAD]"},
        )
    ],
    "cut on the left": [config(truncation_side="left")],
    "padded on the left": [config(padding_side="left")],
    "no token types": [config(model_input_names=["input_ids", "attention_mask"])],
    "DistilBert": [config(tokenizer_class="DistilBertTokenizer")],
    "Roberta": [config(tokenizer_class="RobertaTokenizer", bos_token="[CLS]", eos_token="[SEP]")],
    "blanks stay": [config(clean_up_tokenization_spaces=False)],
    "blanks by default": [config(clean_up_tokenization_spaces=None)],
    "old name of the length": [config(model_max_length=None, max_len=7)],
    "no length": [config(model_max_length=1e30)],
    "length null": [lambda directory: config(max_len=7)(directory), write("special_tokens_map.json", {})],
    "blank lines at the end": [vocabulary(lambda text: text + "\n\n\n")],
    "blank lines inside": [vocabulary(lambda text: text.replace("\nthe\n", "\n\nthe\n\n"))],
    "CRLF": [vocabulary(lambda text: text.replace("\n", "\r\n"))],
    "byte order mark": [vocabulary(lambda text: "\ufeff" + text)],
    "doubled lines": [
        vocabulary(lambda text: text + "the\nvit\n"), OLD, write("added_tokens.json", {"<drug>": SIZE + 2})
    ],
    "no mask": [vocabulary(lambda text: text.replace("[MASK]\n", "mask\n"))],
    "added, cased": [decoder({**DRUG, "content": "Took"}), config(do_lower_case=False)],
    "added, accents": [
        decoder({**DRUG, "content": "我住"}, {**DRUG, "content": "I\u011fd\u0131r"}), config(strip_accents=False)
    ],
    "no end of line": [vocabulary(lambda text: text.removesuffix("\n"))],
}  # fmt: skip
# The last cases are about vocab.txt. (With a tokenizer.json, the reference matches added tokens as its old normalizer
# left them until it is saved and loaded again; ours matches them with the new one at once.)
VOCABULARY_ONLY = list(CASES)[list(CASES).index("blank lines at the end") :]
# The reference reads no vocab.txt in these.
JSON_ONLY = ("cased, PreTrained", "cased, class from config.json", "Roberta", "limits in tokenizer.json")
RUNS = [
    pytest.param(name, json_too, id=f"{name}-{'tokenizer.json' if json_too else 'vocab.txt'}")
    for name in CASES
    for json_too in (True, False)
    if name not in (VOCABULARY_ONLY if json_too else JSON_ONLY)
]


CUT = {"truncation": True, "max_length": 6, "stride": 1, "return_overflowing_tokens": True, "padding": "max_length"}
WORDS = ["Élan", "<drug>", "", "covid-19", "[MASK]s"]


def outputs(tokenizer: Any, takes_words: bool) -> dict[str, Any]:
    """The results of calls and the attributes that are compared."""

    def call(*texts: Any, **options: Any) -> Any:
        found = tokenizer(*texts, return_offsets_mapping=True, return_special_tokens_mask=True, **options)
        return json.loads(json.dumps(dict(found)))  # tuples as lists

    found = {
        "texts": call(TEXTS),
        "pairs": call(["a b"] * len(TEXTS), TEXTS),
        "cut": call(TEXTS, **CUT),
        "one text": call(TEXTS[3]),
        "empty second text": call("a b", ""),
        "vocabulary": tokenizer.get_vocab(),
        "length": tokenizer.model_max_length if (tokenizer.model_max_length or 1e9) < 1e9 else None,
        "ids": [getattr(tokenizer, f"{role}_token_id") for role in ("unk", "cls", "sep", "mask")],
    }
    for skip in (False, True):
        found[f"decoded, skip_special_tokens={skip}"] = [
            tokenizer.decode(ids, skip_special_tokens=skip) for ids in tokenizer(TEXTS)["input_ids"]
        ]
    if takes_words:
        found["words"] = call(WORDS, is_split_into_words=True)
        found["texts of words"] = call([WORDS, ["a"]], is_split_into_words=True)
    return found


@cache
def files() -> dict[str, str]:
    """The tokenizer files of a checkpoint, with the first ``SIZE`` tokens of its vocabulary."""
    directory = CHECKPOINTS / "plain-question-answering"
    names = ("tokenizer_config.json", "special_tokens_map.json", "tokenizer.json", "vocab.txt")
    texts = {name: (directory / name).read_text(encoding="utf-8") for name in names}
    content = json.loads(texts["tokenizer.json"])
    content["model"]["vocab"] = {token: number for token, number in content["model"]["vocab"].items() if number < SIZE}
    texts["tokenizer.json"] = json.dumps(content, ensure_ascii=False)
    texts["vocab.txt"] = "".join(line + "\n" for line in texts["vocab.txt"].split("\n")[:SIZE])
    return texts


def prepare(directory: Path, name: str, json_too: bool) -> None:
    for file, text in files().items():
        (directory / file).write_bytes(text.encode())
    (directory / "config.json").write_text('{"model_type": "convbert"}')
    if not json_too:
        NO_JSON(directory)
    for change in CASES[name]:
        change(directory)


def load(kind: type[TokenizerBase], directory: Path) -> TokenizerBase:
    """The tokenizer of a directory; in Python too from the tokenizer.json, if there is one."""
    path = directory / "tokenizer.json"
    if kind is ConvBertTokenizer and path.is_file():
        return kind.from_tokenizer_json(path.read_text(encoding="utf-8"), read_settings(directory))
    return kind.from_pretrained(directory)


@pytest.mark.parametrize(("name", "json_too"), RUNS)
def test_settings_act_as_in_the_reference(name: str, json_too: bool, tmp_path: Path) -> None:
    prepare(tmp_path, name, json_too)
    reference = transformers.AutoTokenizer.from_pretrained(tmp_path)
    takes_words = "Roberta" not in type(reference).__name__  # the reference's class for RoBERTa refuses them
    expected = outputs(reference, takes_words)
    for kind in CLASSES:
        ours = load(kind, tmp_path)
        assert outputs(ours, takes_words) == expected
        # An exported file keeps these two.
        assert (
            kind.from_tokenizer_json(ours.tokenizer_json, json.loads(json.dumps(ours.settings))).files() == ours.files()
        )
        ours.save_pretrained(tmp_path / kind.__name__)
        saved = load(kind, tmp_path / kind.__name__)
        assert saved.files() == ours.files()
        assert outputs(saved, takes_words) == expected


def test_the_comparison_sees_a_difference(tmp_path: Path) -> None:
    prepare(tmp_path, "nothing", True)
    ours = [outputs(load(kind, tmp_path), True) for kind in CLASSES]
    for name in (
        "cased",
        "accents kept",
        "Chinese characters not split",
        "added, new",
        "cut on the left",
        "no token types",
    ):
        prepare(tmp_path, name, True)
        reference = outputs(transformers.AutoTokenizer.from_pretrained(tmp_path), True)
        assert all(result != reference for result in ours), name
