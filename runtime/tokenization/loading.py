"""The tokenizer for a directory or a file: with the tokenizers library where it is installed, else in Python."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from convbert_onnx.runtime.tokenization.base import TokenizerBase
from convbert_onnx.runtime.tokenization.fast import ConvBertTokenizerFast
from convbert_onnx.runtime.tokenization.python import ConvBertTokenizer
from convbert_onnx.runtime.tokenization.settings import read_settings, read_text

__all__ = ["load_tokenizer", "tokenizer_from_json"]


def load_tokenizer(directory: str | Path) -> TokenizerBase:
    """The tokenizer of a checkpoint directory: tokenizer.json if there is one, else vocab.txt.

    Raises:
        FileMissingError: the directory has neither.
        BundleError: a file cannot be read, or asks for more than can be done here.
    """
    path = Path(directory) / "tokenizer.json"
    if path.is_file():
        # Before vocab.txt even in Python, so that the answers are the same on every machine.
        return tokenizer_from_json(read_text(path), read_settings(path.parent))
    return _class().from_pretrained(directory)


def tokenizer_from_json(text: str, settings: Mapping[str, Any] | None = None) -> TokenizerBase:
    """The tokenizer for the text of a tokenizer.json.

    Raises:
        BundleError: the text is no tokenizer.json, or needs the tokenizers library where that is not installed.
    """
    return _class().from_tokenizer_json(text, settings)


def _class() -> type[TokenizerBase]:
    return ConvBertTokenizer if find_spec("tokenizers") is None else ConvBertTokenizerFast
