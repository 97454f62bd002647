"""Limits on the cost of a tokenizer.json: growth of a text, word length, and regular expressions that backtrack."""

import base64
import re
from collections.abc import Mapping

from convbert_onnx.errors import BundleError

__all__ = ["check_cost"]

MAX_GROWTH = 100
"""Characters that one character of a text may become. The largest real tables turn one into 18."""

MAX_WORD_CHARS = 1000
"""Characters of a word that WordPiece splits; 100 is usual. The time to split it grows with their cube."""

_UNBOUNDED = re.compile(r"[*+]|\{\d*,\}")

_STEP_LISTS = {"normalizer": "normalizers", "pre_tokenizer": "pretokenizers", "decoder": "decoders"}
"""The parts that change text, and the field in which a sequence of each lists its steps."""


def check_cost(content: Mapping[str, object]) -> None:
    """Check that a tokenizer cannot make a text much longer, nor take very long for it.

    Each step of a part multiplies the length of a text by at most a factor that follows from the step's own arguments,
    so that the product of these factors bounds the growth: no text has to be tried.

    Raises:
        BundleError: the tokenizer.json can make a text more than 100 times as long, splits words of more than 1,000
            characters, has a regular expression with nested unbounded repetitions, or has a template that repeats a
            text.
    """
    for part, name in _STEP_LISTS.items():
        _check_steps(part, _steps(content.get(part), name))
    _check_templates(_steps(content.get("post_processor"), "processors"))
    model = content.get("model")
    longest = model.get("max_input_chars_per_word") if isinstance(model, Mapping) else None
    if longest is not None and (type(longest) is not int or not 0 <= longest <= MAX_WORD_CHARS):
        raise BundleError(
            f"max_input_chars_per_word in the tokenizer.json must be a whole number of at most {MAX_WORD_CHARS}: set "
            "it to 100"
        )


def _check_steps(part: str, steps: list[Mapping[str, object]]) -> None:
    growth = 1.0
    for step in steps:
        growth *= _growth(step)
        if growth > MAX_GROWTH:
            raise BundleError(
                f"the {part} of the tokenizer.json can make a text more than {MAX_GROWTH} times as long: use a "
                "tokenizer with fewer or shorter replacements"
            )
        pattern = step.get("pattern")
        expression = pattern.get("Regex") if isinstance(pattern, Mapping) else None
        if isinstance(expression, str) and _has_nested_repetition(expression):
            raise BundleError(
                f"the {part} of the tokenizer.json repeats a group that itself repeats, which takes exponential time "
                "on some texts: use another regular expression"
            )


def _check_templates(steps: list[Mapping[str, object]]) -> None:
    for step in steps:
        for template in (step.get("single"), step.get("pair")):
            pieces = template if isinstance(template, list) else []
            if sum(isinstance(piece, Mapping) and "Sequence" in piece for piece in pieces) > 2:
                raise BundleError(
                    "the post_processor of the tokenizer.json repeats a text: use a tokenizer whose templates contain "
                    "each text once"
                )


def _steps(part: object, name: str) -> list[Mapping[str, object]]:
    """The steps of a part, including those of nested sequences, which are listed under ``name``."""
    found: list[Mapping[str, object]] = []
    rest = [part]
    while rest:
        step = rest.pop()
        if isinstance(step, Mapping):
            found.append(step)
            inner = step.get(name)
            rest += inner if isinstance(inner, list) else []
    return found


def _growth(step: Mapping[str, object]) -> float:
    """The largest factor by which a step can multiply the length of a text."""
    match step:
        case {"type": "Replace", "pattern": {"String": str(pattern)}, "content": str(content)}:
            # An empty pattern matches between all characters.
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
    """Characters of the longest replacement in a SentencePiece table."""
    try:
        data = base64.b64decode(table)
    except ValueError:
        return 1  # the library rejects it
    texts = data[4 + int.from_bytes(data[:4], "little") :]
    return max(1, *(len(text.decode(errors="replace")) for text in texts.split(b"\0")))


def _has_nested_repetition(pattern: str) -> bool:
    """Whether a group that contains an unbounded repetition is itself repeated without bound."""
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
            unbounded = _UNBOUNDED.match(pattern, position + 1) is not None
            if repeats and unbounded:
                return True
            if open_groups:
                open_groups[-1] |= repeats or unbounded
        elif open_groups and _UNBOUNDED.match(pattern, position):
            open_groups[-1] = True
        position += 1
    return False
