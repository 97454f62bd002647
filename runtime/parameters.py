"""Checks that the parameters of all pipelines share."""

from collections.abc import Sequence
from typing import Any

from convbert_onnx.errors import InputError, InputTypeError

__all__ = ["flag", "one_of", "whole_number"]


def whole_number(name: str, value: Any, least: int) -> None:
    """Make sure that ``value`` is a whole number of at least ``least``.

    Raises:
        InputTypeError: it is no whole number.
        InputError: it is too small.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise InputTypeError(f"{name} parameter should be a whole number (got {value!r})")
    if value < least:
        raise InputError(f"{name} parameter should be >= {least} (got {value})")


def flag(name: str, value: Any) -> None:
    """Make sure that ``value`` is True or False.

    Raises:
        InputTypeError: it is neither.
    """
    if not isinstance(value, bool):
        raise InputTypeError(f"{name} parameter should be True or False (got {value!r})")


def one_of(name: str, value: Any, choices: Sequence[Any]) -> None:
    """Make sure that ``value`` is one of ``choices``.

    Raises:
        InputError: it is none of them.
    """
    if value not in choices:
        raise InputError(f"{name} parameter should be one of {', '.join(map(str, choices))} (got {value!r})")
