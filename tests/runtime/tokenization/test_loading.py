import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from golden import CHECKPOINTS, Exported

from convbert_onnx import ConvBertTokenizer, ConvBertTokenizerFast
from convbert_onnx.errors import BundleError
from convbert_onnx.runtime.tokenization import loading
from convbert_onnx.runtime.tokenization.loading import load_tokenizer, tokenizer_from_json

PLAIN = CHECKPOINTS / "plain-question-answering"


@pytest.fixture
def without_tokenizers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "find_spec", lambda name: None)


def test_the_library_is_used_where_it_is_installed() -> None:
    assert type(load_tokenizer(PLAIN)) is ConvBertTokenizerFast
    assert type(tokenizer_from_json((PLAIN / "tokenizer.json").read_text(encoding="utf-8"))) is ConvBertTokenizerFast


@pytest.mark.usefixtures("without_tokenizers")
def test_python_reads_tokenizer_json_before_vocab_txt(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nonly\n", encoding="utf-8")
    assert load_tokenizer(tmp_path).tokenize("the only") == ["[UNK]", "only"]
    shutil.copy(PLAIN / "tokenizer.json", tmp_path)
    tokenizer = load_tokenizer(tmp_path)
    assert type(tokenizer) is ConvBertTokenizer
    assert tokenizer.tokenize("the only") == load_tokenizer(PLAIN).tokenize("the only")


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"word_tokenizer_type": "mecab"}, "the analyser mecab"),
        ({"word_tokenizer_type": "sudachi"}, "the analyser sudachi"),
        ({"word_tokenizer_type": "jumanpp"}, "the analyser jumanpp"),
        ({"tokenizer_class": "BertJapaneseTokenizer"}, "BertJapaneseTokenizer"),
    ],
)
def test_a_tokenizer_with_a_dictionary_needs_a_tokenizer_json(
    settings: dict[str, str], reason: str, tmp_path: Path
) -> None:
    shutil.copy(PLAIN / "vocab.txt", tmp_path)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    for read in (ConvBertTokenizer.from_pretrained, ConvBertTokenizerFast.from_pretrained, load_tokenizer):
        with pytest.raises(BundleError, match=f"{reason} and its dictionary.*use a checkpoint with a tokenizer.json"):
            read(tmp_path)
    shutil.copy(PLAIN / "tokenizer.json", tmp_path)
    assert load_tokenizer(tmp_path).tokenize("a") == ["a"]


def answer(model: Path, without: tuple[str, ...]) -> str:
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({without!r}))\n"
        "from convbert_onnx import ConvBertOnnxPipeline\n"
        f"pipe = ConvBertOnnxPipeline({str(model)!r})\n"
        "answer = pipe(question='Who wrote Çağ?', context='Ada wrote it (in [MASK] 1843), with Été.', top_k=3)\n"
        "print(type(pipe.tokenizer).__name__, answer, sep='|')"
    )
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_a_model_gives_the_same_answers_without_the_library(exported: Exported) -> None:
    answers = {}
    for architecture in ("plain", "cased"):
        model = exported(architecture)
        fast, answers[architecture] = answer(model, ()).split("|")
        python, python_answer = answer(model, ("tokenizers", "torch", "onnx", "transformers")).split("|")
        assert (fast, python) == ("ConvBertTokenizerFast", "ConvBertTokenizer")
        assert python_answer == answers[architecture]
    assert answers["plain"] != answers["cased"]
