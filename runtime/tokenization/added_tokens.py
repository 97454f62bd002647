"""Added tokens: tokens that are found in a text before it is split, numbered and matched as `tokenizers` does."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from reprlib import repr as short
from typing import Any, Self

from convbert_onnx.errors import BundleError
from convbert_onnx.runtime.tokenization.normalization import WHITESPACE

__all__ = ["AddedToken", "AddedTokens", "TokenFinder"]

_FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")
_LONGEST = 1000
"""Characters of a token. The library's time to prepare the search for one grows with the square of it."""

# Letters for the library's regular expressions that Unicode counts among the symbols.
_CIRCLED_LETTERS = (range(0x24B6, 0x24EA), range(0x1F130, 0x1F14A), range(0x1F150, 0x1F16A), range(0x1F170, 0x1F18A))


@dataclass(frozen=True)
class AddedToken:
    """A token with the ways in which it is found.

    Attributes:
        content: its text.
        single_word: found only where no word character stands next to it.
        lstrip: takes the white space before it along.
        rstrip: takes the white space after it along.
        normalized: looked for in the normalized text, not in the text as it is.
        special: left out where decoding skips special tokens.
    """

    content: str
    single_word: bool = False
    lstrip: bool = False
    rstrip: bool = False
    normalized: bool = True
    special: bool = False

    @classmethod
    def from_dict(cls, values: Any) -> Self:
        """The token that a settings file or a tokenizer.json describes.

        Raises:
            BundleError: it is not an object with a ``content`` and flags.
        """
        if not isinstance(values, Mapping) or not isinstance(values.get("content"), str):
            raise BundleError(
                f"an added token must be an object with its text as content, not {short(values)}: save the tokenizer "
                "again"
            )
        flags = {name: values[name] for name in _FLAGS if name in values}
        if wrong := [name for name, value in flags.items() if not isinstance(value, bool)]:
            raise BundleError(
                f"{wrong[0]} of the added token {short(values['content'])} must be true or false, not "
                f"{short(flags[wrong[0]])}: save the tokenizer again"
            )
        flags.setdefault("normalized", not flags.get("special", False))
        return cls(values["content"], **flags)

    def to_dict(self, number: int) -> dict[str, Any]:
        """The token as a tokenizer.json has it."""
        return {"id": number} | {field.name: getattr(self, field.name) for field in fields(self)}


class AddedTokens:
    """Added tokens with their ids.

    A token of the vocabulary keeps its id, others get the next free one in their order: ids that a file states for them
    are not used.

    Args:
        vocabulary: the model's tokens and their ids.
        tokens: the first tokens.

    Attributes:
        ids: id of each added token.
        tokens: the tokens by their ids.
    """

    def __init__(self, vocabulary: Mapping[str, int], tokens: Iterable[AddedToken] = ()) -> None:
        self._vocabulary = vocabulary
        self.ids: dict[str, int] = {}
        self.tokens: dict[int, AddedToken] = {}
        self._largest = -1
        for token in tokens:
            self.add(token)

    def add(self, token: AddedToken) -> None:
        """Add a token; one that is there gets the flags of this one.

        Raises:
            BundleError: its text is too long, or is not text.
        """
        if len(token.content) > _LONGEST:
            raise BundleError(
                f"the added token {short(token.content)} has more than {_LONGEST} characters: save the tokenizer "
                "without it"
            )
        try:
            token.content.encode()
        except UnicodeEncodeError as error:
            raise BundleError(
                f"the added token {short(token.content)} has half of a character (a lone surrogate): save the "
                "tokenizer without it"
            ) from error
        number = self.ids.get(token.content, self._vocabulary.get(token.content))
        if number is None:
            size = len(self._vocabulary)
            number = self._largest + 1 if self._largest >= size or not size else size
        known = self.tokens.get(number)
        if not token.content or known == token:
            return
        if known is not None and known.special:
            # The library keeps looking for a special token as it did at first.
            token = replace(token, normalized=known.normalized)
        self.ids[token.content] = number
        self.tokens[number] = token
        self._largest = max(self._largest, number)

    def to_list(self) -> list[dict[str, Any]]:
        """The tokens as a tokenizer.json lists them."""
        return [token.to_dict(number) for number, token in sorted(self.tokens.items())]


class TokenFinder:
    """Finds added tokens in a text: of those that start at one place, the longest.

    Args:
        tokens: tokens by their ids.
        normalize: what becomes of the text in which they are looked for.
    """

    def __init__(self, tokens: Mapping[int, AddedToken], normalize: Callable[[str], str] = str) -> None:
        self._found: dict[str, tuple[int, AddedToken]] = {}
        for number, token in sorted(tokens.items(), key=lambda item: not item[1].special):
            self._found.setdefault(normalize(token.content), (number, token))
        patterns = sorted(map(re.escape, filter(None, self._found)), key=len, reverse=True)
        self._pattern = re.compile("|".join(patterns) or "(?!)")

    def split(self, text: str) -> Iterator[tuple[int, int, int | None]]:
        """Start and end of each part of a text, and the id where it is an added token."""
        done = 0
        for match in self._pattern.finditer(text):
            number, token = self._found[match[0]]
            start, end = match.span()
            if token.single_word and (_is_word(text[start - 1 : start]) or _is_word(text[end : end + 1])):
                continue
            while token.lstrip and start > done and text[start - 1] in WHITESPACE:
                start -= 1
            while token.rstrip and end < len(text) and text[end] in WHITESPACE:
                end += 1
            start = max(start, done) if token.lstrip else start
            if done < start:
                yield done, start, None
            yield start, end, number
            done = end
        if done < len(text):
            yield done, len(text), None


def _is_word(char: str) -> bool:
    """Whether the library's regular expressions take a character, if there is one, for part of a word."""
    if not char:
        return False
    category = unicodedata.category(char)
    return (
        category[0] in "LM"
        or category in ("Nd", "Nl", "Pc")
        or char in "\u200c\u200d"
        or any(ord(char) in letters for letters in _CIRCLED_LETTERS)
    )
