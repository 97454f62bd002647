"""Both tokenizers beside the reference's in directories whose files disagree, or lack something."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import transformers
from golden import CHECKPOINTS

from convbert_onnx import ConvBertTokenizer, ConvBertTokenizerFast
from convbert_onnx.runtime.tokenization.base import TokenizerBase
from convbert_onnx.runtime.tokenization.settings import read_settings

CLASSES: list[type[TokenizerBase]] = [ConvBertTokenizer, ConvBertTokenizerFast]
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


def decoder(*tokens: dict[str, Any], first: int = 3425) -> Change:
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
NEW_TOKENS = {"<drug>": 3425, "covid-19": 3426, "[ENT]": 3427}
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
    "words of Chinese": [config(tokenize_chinese_chars=False)],
    "added, old": [OLD, write("added_tokens.json", NEW_TOKENS)],
    "added, old and special": [
        OLD, write("added_tokens.json", NEW_TOKENS), config(additional_special_tokens=["[ENT]", "<s>"])
    ],
    "added, with a gap": [OLD, write("added_tokens.json", {"<drug>": 3500, "[ENT]": 3430})],
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
    "doubled lines": [vocabulary(lambda text: text + "the\nvit\n"), OLD, write("added_tokens.json", {"<drug>": 3427})],
    "no mask": [vocabulary(lambda text: text.replace("[MASK]\n", "mask\n"))],
    "added, cased": [decoder({**DRUG, "content": "Took"}), config(do_lower_case=False)],
    "added, accents": [
        decoder({**DRUG, "content": "我住"}, {**DRUG, "content": "I\u011fd\u0131r"}), config(strip_accents=False)
    ],
    "no end of line": [vocabulary(lambda text: text.removesuffix("\n"))],
}  # fmt: skip
# The last are about vocab.txt. (With a tokenizer.json, the reference looks for added tokens as its old normalizer left
# them until it is saved and loaded again; ours does so at once.)
VOCABULARY_ONLY = list(CASES)[list(CASES).index("blank lines at the end") :]


def seen(tokenizer: Any, text: Any, **options: Any) -> dict[str, Any]:
    found = tokenizer(text, return_offsets_mapping=True, return_special_tokens_mask=True, **options)
    return {name: [list(value) if isinstance(value, tuple) else value for value in found[name]] for name in found}


def differences(ours: TokenizerBase, reference: Any) -> list[tuple[Any, ...]]:
    """The calls that differ, with what each gives."""
    found: list[tuple[Any, ...]] = []

    def compare(what: Any, one: Any, other: Any) -> None:
        if one != other:
            found.append((what, one, other))

    for text in TEXTS:
        compare(text, seen(ours, text), seen(reference, text))
        compare(text, seen(ours, "a b", text_pair=text), seen(reference, "a b", text_pair=text))
        ids = reference(text)["input_ids"]
        for options in ({}, {"skip_special_tokens": True}):
            compare((text, options), ours.decode(ids, **options), reference.decode(ids, **options))
        cut = {
            "truncation": True,
            "max_length": 6,
            "stride": 1,
            "return_overflowing_tokens": True,
            "padding": "max_length",
        }
        compare((text, "cut"), seen(ours, text, **cut), seen(reference, text, **cut))
    words = ["Élan", "<drug>", "", "covid-19", "[MASK]s"]
    # The reference's class for RoBERTa takes no words.
    for batch in (words, [words, ["a"]]) if "Roberta" not in type(reference).__name__ else ():
        compare(batch, seen(ours, batch, is_split_into_words=True), seen(reference, batch, is_split_into_words=True))
    compare("vocabulary", ours.get_vocab(), reference.get_vocab())
    length = reference.model_max_length
    compare("length", ours.model_max_length, length if length < 1e9 else None)
    for role in ("unk", "cls", "sep", "mask"):
        compare(role, getattr(ours, f"{role}_token_id"), getattr(reference, f"{role}_token_id"))
    return found


def prepare(directory: Path, kind: str, name: str, json_too: bool) -> None:
    for file in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"):
        (directory / file).write_bytes((CHECKPOINTS / f"{kind}-question-answering" / file).read_bytes())
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


@pytest.mark.parametrize("json_too", [True, False], ids=["tokenizer.json", "vocab.txt"])
@pytest.mark.parametrize("name", CASES)
def test_settings_act_as_in_the_reference(name: str, json_too: bool, tmp_path: Path) -> None:
    if json_too and name in VOCABULARY_ONLY:
        pytest.skip("the vocabulary is in tokenizer.json")
    if not json_too and (
        "PreTrained" in name or "config.json" in name or name in ("Roberta", "limits in tokenizer.json")
    ):
        pytest.skip("the reference reads no vocab.txt there")
    prepare(tmp_path, "plain", name, json_too)
    reference = transformers.AutoTokenizer.from_pretrained(tmp_path)
    for kind in CLASSES:
        ours = load(kind, tmp_path)
        assert differences(ours, reference) == []
        # What an export keeps acts the same.
        again = kind.from_tokenizer_json(ours.tokenizer_json, json.loads(json.dumps(ours.settings)))
        assert differences(again, reference) == []
        assert again.tokenizer_json == ours.tokenizer_json
        # And so does what is saved.
        ours.save_pretrained(tmp_path / kind.__name__)
        assert differences(load(kind, tmp_path / kind.__name__), reference) == []


def test_the_comparison_sees_a_difference(tmp_path: Path) -> None:
    prepare(tmp_path, "plain", "nothing", True)
    ours = [load(kind, tmp_path) for kind in CLASSES]
    for name in ("cased", "accents kept", "words of Chinese", "added, new", "cut on the left", "no token types"):
        prepare(tmp_path, "plain", name, True)
        reference = transformers.AutoTokenizer.from_pretrained(tmp_path)
        assert all(differences(tokenizer, reference) for tokenizer in ours), name
