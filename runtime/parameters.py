"""Parameters of calls: each is declared once, as an annotated dataclass field, and checked here by its annotation.

Annotations may be bool, int, str, ``Annotated[int, AtLeast(n)]``, a Literal, ``tuple[X, ...]``, another class of
parameters (for a mapping), None, and unions of these.
"""

import json
import reprlib
import sys
import types
import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import Enum
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

from convbert_onnx.errors import InputError, InputTypeError

__all__ = [
    "AS_IT_IS",
    "AtLeast",
    "CallParameters",
    "CommandLineValue",
    "Natural",
    "Padding",
    "Parameters",
    "Positive",
    "TokenizerParameters",
    "Truncation",
    "as_list",
    "check",
    "defines",
    "one_of",
    "shown",
    "warn_caller",
    "whole_number",
]

_LARGEST = 2**63 - 1


@dataclass(frozen=True)
class AtLeast:
    """The smallest value of a whole number."""

    least: int


Positive = Annotated[int, AtLeast(1)]
Natural = Annotated[int, AtLeast(0)]
Padding = Literal[False, True, "do_not_pad", "longest", "max_length"]
Truncation = Literal[False, True, "longest_first", "only_first", "only_second", "do_not_truncate"]


class CommandLineValue(str):
    """A value that was typed: it is read as JSON where the parameter takes what that gives, else as text."""

    __slots__ = ()


@dataclass(frozen=True)
class Parameters:
    """Base of all classes of parameters; making one checks and converts every field.

    Members of enumerations count as their values, and numpy's scalars as Python's. None means the default, unless the
    annotation names it. Texts of a Literal may be written in any case.

    Raises:
        InputTypeError: a value is of the wrong type.
        InputError: a value is out of range, or not one of those that there are.
    """

    def __post_init__(self) -> None:
        hints = _hints(type(self))  # type: ignore[arg-type]  # mypy doubts that classes can be hashed
        for own in fields(self):
            if own.init:
                hint, value = hints[own.name], getattr(self, own.name)
                value = own.default if value is None and not _takes_none(hint) else value
                object.__setattr__(self, own.name, check(own.name, value, hint))


@dataclass(frozen=True)
class CallParameters(Parameters):
    """What a caller of every task can set.

    Attributes:
        batch_size: most rows in a batch.
        num_workers: taken as in the reference, and has no effect: texts are read in the calling thread.
        given: names of what the call itself has set; the others are the pipeline's defaults.
    """

    batch_size: Positive | None = None
    num_workers: Natural | None = None
    given: frozenset[str] = field(default=frozenset(), init=False)


@dataclass(frozen=True)
class TokenizerParameters(Parameters):
    """How the row of a text is made, named as in the tokenizer's call.

    Attributes:
        padding: pad a row to ``max_length`` with "max_length". A call has rows of its own, so that True and "longest"
            add nothing.
        truncation: how a row that is too long is cut: True or "longest_first", "only_first", "only_second". False or
            "do_not_truncate" leave it. By default rows are cut where ``max_length`` is given and ``padding`` is not.
        max_length: tokens of a row; by default, and at most, what the model reads.
        add_special_tokens: put [CLS] and [SEP] around texts.
        pad_to_multiple_of: with ``padding``, pad to a multiple of so many tokens.
    """

    padding: Padding = False
    truncation: Truncation | None = None
    max_length: Positive | None = None
    add_special_tokens: bool = True
    pad_to_multiple_of: Positive | None = None


def check(name: str, value: Any, hint: Any) -> Any:
    """The value as the annotation ``hint`` wants it.

    Raises:
        InputTypeError: it is of another type.
        InputError: it is out of range, or not one of those that there are.
    """
    try:
        return _from_command_line(name, value, hint) if isinstance(value, CommandLineValue) else _fit(name, value, hint)
    except _MisfitError as misfit:
        kind = InputError if misfit.right_type else InputTypeError
        raise kind(f"{name} parameter should be {misfit.expected} (got {shown(value)})") from None


def whole_number(name: str, value: Any, least: int) -> None:
    """Make sure that ``value`` is a whole number of at least ``least``.

    Raises:
        InputTypeError: it is not a whole number.
        InputError: it is too small.
    """
    check(name, value, Annotated[int, AtLeast(least)])


def one_of(name: str, value: Any, choices: Sequence[Any]) -> None:
    """Make sure that ``value`` is one of ``choices``.

    Raises:
        InputError: it is none of them.
    """
    if not any(type(value) is type(choice) and value == choice for choice in choices):
        raise InputError(f"{name} parameter should be one of {', '.join(map(str, choices))} (got {shown(value)})")


def shown(value: Any) -> str:
    """A value in a message: short, whatever it is."""
    try:
        return _SHORT.repr(value)
    except Exception:
        return f"a value of type {type(value).__name__}"


def as_list(value: Any) -> list[Any] | None:
    """The entries of a list, tuple, array, series or other collection; None for anything else.

    A text, bytes, a mapping and what can be read only once are no collections here.
    """
    if isinstance(value, str | bytes | bytearray | memoryview | Mapping | np.generic):
        return None
    for method in ("tolist", "to_list"):  # of numpy, torch, pandas and polars
        if defines(type(value), method):
            entries = getattr(value, method)()
            return entries if isinstance(entries, list) else None
    return list(value) if isinstance(value, Collection) else None


def defines(kind: type, *names: str) -> bool:
    """Whether objects of this class have these attributes; those of its metaclass do not count."""
    return all(any(name in vars(base) for base in kind.__mro__) for name in names)


def warn_caller(message: str, category: type[Warning]) -> None:
    """Warn with the place of the first caller outside this package."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("convbert_onnx."):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level - 1)


class _MisfitError(Exception):
    """A value does not fit an annotation."""

    def __init__(self, expected: str, right_type: bool = False) -> None:
        super().__init__(expected)
        self.expected = expected
        self.right_type = right_type


def _fit(name: str, value: Any, hint: Any) -> Any:
    value = value.value if isinstance(value, Enum) else value
    value = value.item() if isinstance(value, np.generic) else value
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _fit_one(name, value, hint, arguments)
    if origin is Annotated:
        return _fit_number(name, value, hint)
    if origin is Literal:
        return _fit_choice(value, hint, arguments)
    if origin is tuple:
        entries = [value] if isinstance(value, str) else as_list(value)
        if entries is None:
            raise _MisfitError(_described(hint))
        return tuple(_fit_entry(name, entry, hint) for entry in entries)
    if hint is types.NoneType and value is None:
        return None
    if hint in (bool, str) and isinstance(value, hint):
        return str.__str__(value) if hint is str else value
    if hint is int and isinstance(value, int) and not isinstance(value, bool):
        if abs(value) > _LARGEST:
            raise _MisfitError("a whole number of 64 bits", right_type=True)
        return int(value)
    if isinstance(hint, type) and issubclass(hint, Parameters):
        return _fit_mapping(name, value, hint)
    raise _MisfitError(_described(hint))


def _fit_one(name: str, value: Any, hint: Any, alternatives: Sequence[Any]) -> Any:
    """The value for the first alternative that takes it."""
    nearest = _MisfitError(_described(hint))
    for alternative in alternatives:
        try:
            return _fit(name, value, alternative)
        except _MisfitError as misfit:
            nearest = misfit if misfit.right_type else nearest
    raise nearest


def _fit_number(name: str, value: Any, hint: Any) -> Any:
    base, *limits = get_args(hint)
    try:
        value = _fit(name, value, base)
    except _MisfitError as misfit:
        raise misfit if misfit.right_type else _MisfitError(_described(hint)) from None
    for limit in limits:
        if value < limit.least:
            raise _MisfitError(f">= {limit.least}", right_type=True)
    return value


def _fit_choice(value: Any, hint: Any, choices: Sequence[Any]) -> Any:
    value = value.lower() if isinstance(value, str) else value
    right_type = False
    for choice in choices:
        if isinstance(value, type(choice)) and isinstance(choice, bool) == isinstance(value, bool):
            if value == choice:
                return choice
            right_type = True
    raise _MisfitError(_described(hint), right_type)


def _fit_entry(name: str, entry: Any, hint: Any) -> Any:
    try:
        return _fit(name, entry, get_args(hint)[0])
    except _MisfitError:
        raise _MisfitError(_described(hint)) from None


def _fit_mapping(name: str, value: Any, hint: type[Parameters]) -> Parameters:
    if isinstance(value, hint):
        return value
    if not isinstance(value, Mapping):
        raise _MisfitError(_described(hint))
    entries = dict(value)
    known = [own.name for own in fields(hint)]
    if unknown := [shown(key) for key in entries if key not in known]:
        raise InputError(f"{name} takes {', '.join(known)}, not {', '.join(unknown)}")
    try:
        return hint(**entries)
    except InputError as error:
        raise type(error)(f"{name}: {error}") from error


def _from_command_line(name: str, value: CommandLineValue, hint: Any) -> Any:
    text = str(value)
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return _fit(name, text, hint)
    try:
        return _fit(name, parsed, hint)
    except _MisfitError:
        # A year is a label; a list of years is a list that should have held texts.
        if isinstance(parsed, list | dict):
            raise
        return _fit(name, text, hint)


def _described(hint: Any) -> str:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return " or ".join(filter(None, map(_described, arguments)))
    if origin is Annotated:
        return f"{_described(arguments[0])} >= {arguments[1].least}"
    if origin is Literal:
        # An empty text stands for "not given", which is not worth recommending.
        return f"one of {', '.join(map(str, arguments))}" if arguments != ("",) else ""
    if origin is tuple:
        return "a list of texts" if arguments[0] is str else f"a list, each entry {_described(arguments[0])}"
    names = {bool: "True or False", int: "a whole number", str: "a text", types.NoneType: "None"}
    return names[hint] if hint in names else f"a mapping with {', '.join(own.name for own in fields(hint))}"


def _takes_none(hint: Any) -> bool:
    return hint is types.NoneType or types.NoneType in get_args(hint)


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 60

AS_IT_IS = TokenizerParameters()
"""A row with special tokens, neither cut nor padded."""
