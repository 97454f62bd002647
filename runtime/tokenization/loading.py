"""Open a tokenizer with the tokenizers library where it is installed, else in Python."""

from importlib.util import find_spec
from pathlib import Path

from convbert_onnx.runtime.tokenization.base import TokenizerBase
from convbert_onnx.runtime.tokenization.fast import ConvBertTokenizerFast
from convbert_onnx.runtime.tokenization.json_files import read_text
from convbert_onnx.runtime.tokenization.python import ConvBertTokenizer
from convbert_onnx.runtime.tokenization.settings import Settings, read_settings

__all__ = ["load_tokenizer", "tokenizer_from_json"]


def load_tokenizer(directory: str | Path) -> TokenizerBase:
    """Open the tokenizer of a checkpoint directory: tokenizer.json if there is one, else vocab.txt.

    Raises:
        FileMissingError: the directory has neither.
        BundleError: a file cannot be read, or needs the tokenizers library where that is not installed.
    """
    path = Path(directory) / "tokenizer.json"
    if path.is_file():
        # Preferred in Python too, so that results are the same on every machine.
        return tokenizer_from_json(read_text(path), read_settings(path.parent))
    return _class().from_pretrained(directory)


def tokenizer_from_json(text: str, settings: Settings | None = None) -> TokenizerBase:
    """Create the tokenizer for the text of a tokenizer.json.

    Raises:
        BundleError: the text is not a tokenizer.json, or needs the tokenizers library where that is not installed.
    """
    return _class().from_tokenizer_json(text, settings)


def _class() -> type[TokenizerBase]:
    return ConvBertTokenizer if find_spec("tokenizers") is None else ConvBertTokenizerFast
