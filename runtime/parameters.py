"""Arguments and parameters of calls. Parameters are declared as annotated dataclass fields, which also check them.

Annotations may be bool, int, str, ``Annotated[int, AtLeast(n)]``, a Literal, ``tuple[X, ...]``, another parameters
class (for a mapping), None, and unions of these.
"""

import json
import reprlib
import sys
import types
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import Enum
from functools import cache
from typing import Annotated, Literal, Union, cast, get_args, get_origin, get_type_hints

import numpy as np

from convbert_onnx.errors import InputError, InputTypeError

__all__ = [
    "DEFAULT_TOKENIZATION",
    "AtLeast",
    "CallParameters",
    "CommandLineValue",
    "NonNegative",
    "Padding",
    "Parameters",
    "Positive",
    "TokenizerParameters",
    "Truncation",
    "as_examples",
    "as_list",
    "check_choice",
    "check_string",
    "check_value",
    "check_whole_number",
    "short_repr",
    "warn_caller",
]

_MAX_INT64 = 2**63 - 1


@dataclass(frozen=True)
class AtLeast:
    """The smallest allowed value of a whole number."""

    minimum: int


Positive = Annotated[int, AtLeast(1)]
NonNegative = Annotated[int, AtLeast(0)]
Padding = Literal[False, True, "do_not_pad", "longest", "max_length"]
Truncation = Literal[False, True, "longest_first", "only_first", "only_second", "do_not_truncate"]


class CommandLineValue(str):
    """A value from the command line: read as JSON if the parameter accepts the result, else as text."""

    __slots__ = ()


@dataclass(frozen=True)
class Parameters:
    """Base class of parameters; creating an instance checks and converts every field.

    Enum members count as their values, and numpy scalars as Python's. None means the default, unless the annotation
    includes None. Strings of a Literal are case-insensitive.

    Raises:
        InputTypeError: a value is of the wrong type.
        InputError: a value is out of range, or not one of the choices.
    """

    def __post_init__(self) -> None:
        hints = _hints(type(self))  # type: ignore[arg-type]  # mypy doubts that classes can be hashed
        for own in fields(self):
            if own.init:
                hint, value = hints[own.name], getattr(self, own.name)
                value = own.default if value is None and not _takes_none(hint) else value
                object.__setattr__(self, own.name, check_value(own.name, value, hint))


@dataclass(frozen=True)
class CallParameters(Parameters):
    """Parameters of the calls of all tasks.

    Attributes:
        batch_size: maximum number of rows in a batch.
        num_workers: accepted for compatibility with transformers, without effect: texts are read in the calling thread.
        given: names of the parameters that the call itself sets; the others have the pipeline's defaults.
    """

    batch_size: Positive | None = None
    num_workers: NonNegative | None = None
    given: frozenset[str] = field(default=frozenset(), init=False)


@dataclass(frozen=True)
class TokenizerParameters(Parameters):
    """How a text is encoded as a row, named as in a call of the tokenizer.

    Attributes:
        padding: "max_length" pads a row to ``max_length``. True and "longest" add nothing, because each text is padded
            on its own.
        truncation: how a row that is too long is cut: True or "longest_first", "only_first", "only_second". False and
            "do_not_truncate" do not cut. By default rows are cut if ``max_length`` is given and ``padding`` is not.
        max_length: maximum number of tokens in a row; by default, and at most, the model's.
        add_special_tokens: add [CLS] and [SEP].
        pad_to_multiple_of: with ``padding``, pad to a multiple of this number of tokens.
    """

    padding: Padding = False
    truncation: Truncation | None = None
    max_length: Positive | None = None
    add_special_tokens: bool = True
    pad_to_multiple_of: Positive | None = None


def check_value(name: str, value: object, hint: object) -> object:
    """Check a value against the annotation ``hint``, and convert it.

    Raises:
        InputTypeError: the value is of another type.
        InputError: the value is out of range, or not one of the choices.
    """
    try:
        return _from_command_line(name, value, hint) if isinstance(value, CommandLineValue) else _fit(name, value, hint)
    except _MisfitError as misfit:
        kind = InputError if misfit.right_type else InputTypeError
        raise kind(f"{name} parameter should be {misfit.expected} (got {short_repr(value)})") from None


def check_whole_number(name: str, value: object, minimum: int) -> None:
    """Check that ``value`` is a whole number of at least ``minimum``.

    Raises:
        InputTypeError: the value is not a whole number.
        InputError: the value is too small.
    """
    check_value(name, value, Annotated[int, AtLeast(minimum)])


def check_choice(name: str, value: object, choices: Sequence[object]) -> None:
    """Check that ``value`` is one of ``choices``.

    Raises:
        InputError: it is not.
    """
    if not any(type(value) is type(choice) and value == choice for choice in choices):
        raise InputError(f"{name} parameter should be one of {', '.join(map(str, choices))} (got {short_repr(value)})")


def short_repr(value: object) -> str:
    """A short repr for messages, also of values whose own repr fails."""
    try:
        return _SHORT.repr(value)
    except Exception:
        return f"a value of type {type(value).__name__}"


def as_list(value: object) -> list[object] | None:
    """The entries of a list, tuple, array, series or other collection; None for anything else.

    Strings, bytes, mappings and iterators do not count as collections.
    """
    if isinstance(value, str | bytes | bytearray | memoryview | Mapping | np.generic):
        return None
    for method in ("tolist", "to_list"):  # of numpy, torch, pandas and polars
        if _has_attributes(type(value), method):
            entries = getattr(value, method)()
            return entries if isinstance(entries, list) else None
    return list(value) if isinstance(value, Collection) else None


def as_examples(items: object) -> list[object] | Iterator[object] | None:
    """The examples in a list, tuple, array, iterator or dataset; None for one example."""
    if isinstance(items, Iterator):
        return items
    entries, kind = as_list(items), type(items)
    if entries is not None:
        return entries
    if isinstance(items, str | bytes | bytearray | memoryview | Mapping | np.generic | np.ndarray):
        return None
    if _has_attributes(kind, "keys"):  # a table, which would iterate over its columns
        return None
    # Data sets, as torch defines them, have a length and numbered entries, which may be read from a disk.
    if _has_attributes(kind, "__len__", "__getitem__"):
        dataset = cast(Sequence[object], items)
        return (dataset[number] for number in range(len(dataset)))
    return iter(cast(Iterable[object], items)) if _has_attributes(kind, "__iter__") else None


def check_string(name: str, value: object) -> str:
    """Return a value that must be a string.

    Raises:
        InputTypeError: it is not a string.
    """
    if not isinstance(value, str):
        raise InputTypeError(f"`{name}` must be a string, not {type(value).__name__}")
    return str.__str__(value)


def _has_attributes(kind: type, *names: str) -> bool:
    """Whether a class defines these attributes for its instances; attributes of its metaclass do not count."""
    return all(any(name in vars(base) for base in kind.__mro__) for name in names)


def warn_caller(message: str, category: type[Warning]) -> None:
    """Warn at the line of the first caller outside this package."""
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


def _fit(name: str, value: object, hint: object) -> object:
    value = value.value if isinstance(value, Enum) else value
    value = value.item() if isinstance(value, np.generic) else value
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _fit_union(name, value, hint, arguments)
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
        if abs(value) > _MAX_INT64:
            raise _MisfitError("a whole number of 64 bits", right_type=True)
        return int(value)
    if isinstance(hint, type) and issubclass(hint, Parameters):
        return _fit_mapping(name, value, hint)
    raise _MisfitError(_described(hint))


def _fit_union(name: str, value: object, hint: object, alternatives: Sequence[object]) -> object:
    """The value for the first alternative that accepts it."""
    nearest = _MisfitError(_described(hint))
    for alternative in alternatives:
        try:
            return _fit(name, value, alternative)
        except _MisfitError as misfit:
            nearest = misfit if misfit.right_type else nearest
    raise nearest


def _fit_number(name: str, value: object, hint: object) -> int:
    base, limit = get_args(hint)
    try:
        number = _fit(name, value, base)
    except _MisfitError as misfit:
        raise misfit if misfit.right_type else _MisfitError(_described(hint)) from None
    assert isinstance(number, int)
    if number < limit.minimum:
        raise _MisfitError(f">= {limit.minimum}", right_type=True)
    return number


def _fit_choice(value: object, hint: object, choices: Sequence[object]) -> object:
    value = value.lower() if isinstance(value, str) else value
    right_type = False
    for choice in choices:
        if isinstance(value, type(choice)) and isinstance(choice, bool) == isinstance(value, bool):
            if value == choice:
                return choice
            right_type = True
    raise _MisfitError(_described(hint), right_type)


def _fit_entry(name: str, entry: object, hint: object) -> object:
    try:
        return _fit(name, entry, get_args(hint)[0])
    except _MisfitError:
        raise _MisfitError(_described(hint)) from None


def _fit_mapping(name: str, value: object, hint: type[Parameters]) -> Parameters:
    if isinstance(value, hint):
        return value
    if not isinstance(value, Mapping):
        raise _MisfitError(_described(hint))
    entries = dict(value)
    known = [own.name for own in fields(hint)]
    if unknown := [short_repr(key) for key in entries if key not in known]:
        raise InputError(f"{name} takes {', '.join(known)}, not {', '.join(unknown)}")
    try:
        return hint(**entries)
    except InputError as error:
        raise type(error)(f"{name}: {error}") from error


def _from_command_line(name: str, value: CommandLineValue, hint: object) -> object:
    text = str(value)
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return _fit(name, text, hint)
    try:
        return _fit(name, parsed, hint)
    except _MisfitError:
        # A year can be a label and is read as text; a list of years should have been a list of strings.
        if isinstance(parsed, list | dict):
            raise
        return _fit(name, text, hint)


def _described(hint: object) -> str:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return " or ".join(filter(None, map(_described, arguments)))
    if origin is Annotated:
        return f"{_described(arguments[0])} >= {arguments[1].minimum}"
    if origin is Literal:
        # The empty string means "not given" and is not listed.
        return f"one of {', '.join(map(str, arguments))}" if arguments != ("",) else ""
    if origin is tuple:
        return "a list of texts" if arguments[0] is str else f"a list, each entry {_described(arguments[0])}"
    if isinstance(hint, type) and issubclass(hint, Parameters):
        return f"a mapping with {', '.join(own.name for own in fields(hint))}"
    names: dict[object, str] = {
        bool: "True or False",
        int: "a whole number",
        str: "a text",
        types.NoneType: "None",
    }
    return names[hint]


def _takes_none(hint: object) -> bool:
    return hint is types.NoneType or types.NoneType in get_args(hint)


@cache
def _hints(kind: type) -> dict[str, object]:
    return get_type_hints(kind, include_extras=True)


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 60

DEFAULT_TOKENIZATION = TokenizerParameters()
"""Rows with special tokens, neither cut nor padded."""
