"""vocab.txt: one token per line, whose number is its id."""

from collections.abc import Mapping
from pathlib import Path

from convbert_onnx.errors import BundleError

__all__ = ["read_vocabulary", "vocabulary_text"]


def read_vocabulary(path: str | Path) -> dict[str, int]:
    """Read the tokens of a vocab.txt and their ids; a repeated token gets the id of its last line.

    Raises:
        BundleError: the file is not UTF-8.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BundleError(f"{path} is not UTF-8 ({error}): save the vocabulary again") from error
    # Not splitlines(): the tokens of some vocabularies are other line separators, such as U+2028.
    return {token: number for number, token in enumerate(text.removesuffix("\n").split("\n"))} if text else {}


def vocabulary_text(vocabulary: Mapping[str, int]) -> str:
    """The text of a vocab.txt that gives every token its id."""
    last = max(vocabulary, key=vocabulary.__getitem__, default="")
    # Ids without a token get the last token: its own line comes after theirs and wins.
    lines = [last] * (vocabulary.get(last, -1) + 1)
    for token, number in vocabulary.items():
        lines[number] = token
    return "".join(line + "\n" for line in lines)
