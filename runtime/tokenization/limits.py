"""Limits on what a tokenizer.json may cost: how much longer a text may become, and how long words may be."""

import base64
import re
from collections.abc import Mapping
from typing import Any

from convbert_onnx.errors import BundleError

__all__ = ["check_cost"]

_MOST_GROWTH = 100
"""How many characters may at most become of one. The largest real tables turn one into 18."""

_LONGEST_WORD = 1000
"""Characters of a word that WordPiece splits; usual is 100. The time to do so grows with the cube of it."""

_ENDLESS = re.compile(r"[*+]|\{\d*,\}")

_PARTS = {"normalizer": "normalizers", "pre_tokenizer": "pretokenizers", "decoder": "decoders"}
"""The parts that change text, and where each lists its steps."""


def check_cost(content: Mapping[str, Any]) -> None:
    """Make sure that a text cannot become much longer on its way through a tokenizer, nor take very long.

    Every step of a part can only multiply the length of its text by a factor that follows from the step's own
    arguments, so that the product of these factors bounds the growth: no text has to be tried.

    Raises:
        BundleError: the tokenizer.json can make a text more than 100 times as long, splits words of more than 1,000
            characters, has a regular expression that repeats what is itself repeated, or a template that repeats a
            text.
    """
    for part, name in _PARTS.items():
        growth = 1.0
        for step in _steps(content.get(part), name):
            growth *= _growth(step)
            if growth > _MOST_GROWTH:
                raise BundleError(
                    f"the {part} of the tokenizer.json can make a text more than {_MOST_GROWTH} times as long: use a "
                    "tokenizer with fewer or shorter replacements"
                )
            pattern = step.get("pattern")
            expression = pattern.get("Regex") if isinstance(pattern, Mapping) else None
            if isinstance(expression, str) and _repeats_a_repetition(expression):
                raise BundleError(
                    f"the {part} of the tokenizer.json repeats a group that repeats itself, which takes forever on "
                    "some texts: use another regular expression"
                )
    for step in _steps(content.get("post_processor"), "processors"):
        for template in (step.get("single"), step.get("pair")):
            pieces = template if isinstance(template, list) else []
            if sum(isinstance(piece, Mapping) and "Sequence" in piece for piece in pieces) > 2:
                raise BundleError(
                    "the post_processor of the tokenizer.json repeats a text: use a tokenizer whose templates have "
                    "each text once"
                )
    model = content.get("model")
    longest = model.get("max_input_chars_per_word") if isinstance(model, Mapping) else None
    if longest is not None and (type(longest) is not int or not 0 <= longest <= _LONGEST_WORD):
        raise BundleError(
            f"max_input_chars_per_word in the tokenizer.json must be a whole number of at most {_LONGEST_WORD}: set it "
            "to 100"
        )


def _steps(part: Any, name: str) -> list[Mapping[str, Any]]:
    """The steps of a part, those of sequences in sequences too."""
    found: list[Mapping[str, Any]] = []
    rest = [part]
    while rest:
        step = rest.pop()
        if isinstance(step, Mapping):
            found.append(step)
            inner = step.get(name)
            rest += inner if isinstance(inner, list) else []
    return found


def _growth(step: Mapping[str, Any]) -> float:
    """How many times as many characters a step can make of a text."""
    match step:
        case {"type": "Replace", "pattern": {"String": str(pattern)}, "content": str(content)}:
            # An empty pattern is found between all characters.
            return max(1, len(content) / len(pattern)) if pattern else 1 + len(content)
        case {"type": "Replace", "content": str(content)}:
            return 1 + len(content)
        case {"type": "Prepend", "prepend": str(prefix)}:
            return 1 + len(prefix)
        case {"type": "ByteLevel"}:
            return 4
        case {"type": "Precompiled", "precompiled_charsmap": str(table)}:
            return _longest_entry(table)
    return 1


def _longest_entry(table: str) -> int:
    """Characters of the longest text that a SentencePiece table puts for another."""
    try:
        data = base64.b64decode(table)
    except ValueError:
        return 1  # the library refuses it
    texts = data[4 + int.from_bytes(data[:4], "little") :]
    return max(1, *(len(text.decode(errors="replace")) for text in texts.split(b"\0")))


def _repeats_a_repetition(pattern: str) -> bool:
    """Whether a group that holds a repetition without end is itself repeated without end."""
    open_groups: list[bool] = []
    in_class = 0
    position = 0
    while position < len(pattern):
        char = pattern[position]
        if char == "\\":
            position += 1
        elif char == "[":
            in_class += 1
        elif char == "]" and in_class:
            in_class -= 1
        elif in_class:
            pass
        elif char == "(":
            open_groups.append(False)
        elif char == ")":
            repeats = open_groups.pop() if open_groups else False
            endless = _ENDLESS.match(pattern, position + 1) is not None
            if repeats and endless:
                return True
            if open_groups:
                open_groups[-1] |= repeats or endless
        elif open_groups and _ENDLESS.match(pattern, position):
            open_groups[-1] = True
        position += 1
    return False
