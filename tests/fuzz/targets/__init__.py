"""The targets, one file each: what is run on an input, how inputs are mutated, and where mutations begin."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from random import Random
from typing import Any

import numpy as np

from convbert_onnx.errors import ConvBertError

__all__ = ["TARGETS", "Target", "check_result", "load_target", "only_our_errors"]

TARGETS = ("config", "protobuf", "bundle", "tokenizer_files", "json_lines", "arguments", "labelled_data", "h5")
"""The names of the modules here; each has a ``TARGET``."""


@dataclass(frozen=True)
class Target:
    """What is fuzzed.

    Attributes:
        run: raises for an input that the product does not treat as it should.
        mutate: another input, made of one.
        seeds: well-made inputs. Those in the corpus come on top.
    """

    run: Callable[[bytes], None]
    mutate: Callable[[bytes, Random], bytes]
    seeds: Callable[[], Sequence[bytes]]


def load_target(name: str) -> Target:
    """The target of that name; ``module:NAME`` finds one elsewhere, as the tests of the runner do."""
    module, _, attribute = name.partition(":")
    found: Target = getattr(import_module(module if attribute else f"{__name__}.{name}"), attribute or "TARGET")
    return found


@contextmanager
def only_our_errors() -> Iterator[None]:
    """Pass over errors of the product's tree, and over what a file system said, which has a number."""
    try:
        yield
    except ConvBertError as error:
        assert str(error), "an error without a message"
    except OSError as error:
        if error.errno is None:
            raise


def check_result(result: Any) -> None:
    """Make sure that a result is what JSON can hold, without NaN and infinity."""
    if isinstance(result, np.ndarray):
        assert np.isfinite(result).all(), "a result is not finite"
    elif isinstance(result, list) and any(isinstance(part, np.ndarray) for part in result):
        for part in result:
            check_result(part)
    else:
        json.dumps(result, allow_nan=False).encode()
