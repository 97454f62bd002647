"""Added tokens, which are matched before a text is split; ids and matching are those of `tokenizers`."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from reprlib import repr as short
from typing import Self

from convbert_onnx.errors import BundleError
from convbert_onnx.runtime.tokenization.json_files import JsonObject
from convbert_onnx.runtime.tokenization.normalization import WHITESPACE

__all__ = ["AddedToken", "AddedTokens", "TokenFinder"]

_FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")
MAX_TOKEN_CHARS = 1000
"""Characters of an added token. The library's time to compile the search for it grows with their square."""

# Symbols in Unicode that the library's regular expressions treat as letters.
_CIRCLED_LETTERS = (range(0x24B6, 0x24EA), range(0x1F130, 0x1F14A), range(0x1F150, 0x1F16A), range(0x1F170, 0x1F18A))


@dataclass(frozen=True)
class AddedToken:
    """An added token and how it is matched in a text.

    Attributes:
        content: the text of the token.
        single_word: match only where the neighbouring characters are not word characters.
        lstrip: include the white space before it.
        rstrip: include the white space after it.
        normalized: match in the normalized text rather than in the original text.
        special: omit when decoding skips special tokens.
    """

    content: str
    single_word: bool = False
    lstrip: bool = False
    rstrip: bool = False
    normalized: bool = True
    special: bool = False

    @classmethod
    def from_dict(cls, values: object) -> Self:
        """Create the token that an entry of a settings file or a tokenizer.json describes.

        Raises:
            BundleError: the entry is not an object with a string ``content`` and boolean flags.
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

    def to_dict(self, number: int) -> JsonObject:
        """The token as an entry of a tokenizer.json, with the id ``number``."""
        return {"id": number} | {field.name: getattr(self, field.name) for field in fields(self)}


class AddedTokens:
    """Added tokens with their ids.

    A token of the vocabulary keeps its id; others get the next free id, in their order. As in the library, ids that a
    file states for them are ignored.

    Args:
        vocabulary: the model's tokens and their ids.
        tokens: tokens to begin with.

    Attributes:
        ids: id of each added token.
        tokens: the tokens by id.
    """

    def __init__(self, vocabulary: Mapping[str, int], tokens: Iterable[AddedToken] = ()) -> None:
        self._vocabulary = vocabulary
        self.ids: dict[str, int] = {}
        self.tokens: dict[int, AddedToken] = {}
        self._largest = -1
        for token in tokens:
            self.add(token)

    def add(self, token: AddedToken) -> None:
        """Add a token, or update the flags of the token with this content.

        Raises:
            BundleError: its content is too long, or contains a lone surrogate.
        """
        if len(token.content) > MAX_TOKEN_CHARS:
            raise BundleError(
                f"the added token {short(token.content)} has more than {MAX_TOKEN_CHARS} characters: save the "
                "tokenizer without it"
            )
        try:
            token.content.encode()
        except UnicodeEncodeError as error:
            raise BundleError(
                f"the added token {short(token.content)} contains half of a character (a lone surrogate): save the "
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
            # The library keeps matching a special token in the text in which it matched it at first.
            token = replace(token, normalized=known.normalized)
        self.ids[token.content] = number
        self.tokens[number] = token
        self._largest = max(self._largest, number)

    def to_list(self) -> list[JsonObject]:
        """The tokens as entries of a tokenizer.json, sorted by id."""
        return [token.to_dict(number) for number, token in sorted(self.tokens.items())]


class TokenFinder:
    """Finds added tokens in a text; where several start at the same position, the longest.

    Args:
        tokens: tokens by id.
        normalize: the normalization of the text in which they are matched, applied to their contents.
        split_special: whether the text of a special token stays text. As in the library, it is matched all the same, so
            that no shorter token is found in it.
    """

    def __init__(
        self, tokens: Mapping[int, AddedToken], normalize: Callable[[str], str] = str, split_special: bool = False
    ) -> None:
        self._split_special = split_special
        self._found: dict[str, tuple[int, AddedToken]] = {}
        for number, token in sorted(tokens.items(), key=lambda item: not item[1].special):
            self._found.setdefault(normalize(token.content), (number, token))
        patterns = sorted(map(re.escape, filter(None, self._found)), key=len, reverse=True)
        self._pattern = re.compile("|".join(patterns) or "(?!)")

    def split(self, text: str) -> Iterator[tuple[int, int, int | None]]:
        """Split a text at added tokens: start and end of each part, and the id of the added token or None."""
        done = 0
        for match in self._pattern.finditer(text):
            number, token = self._found[match[0]]
            start, end = match.span()
            if self._split_special and token.special:
                continue
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
    """Whether the library's regular expressions treat a character as part of a word; "" is not."""
    if not char:
        return False
    category = unicodedata.category(char)
    return (
        category[0] in "LM"
        or category in ("Nd", "Nl", "Pc")
        or char in "\u200c\u200d"
        or any(ord(char) in letters for letters in _CIRCLED_LETTERS)
    )
