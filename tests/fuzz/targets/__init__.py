"""The fuzz targets, one module each: code to run, a mutator, and seed inputs."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from random import Random
from typing import Any

import numpy as np

from convbert_onnx.errors import ConvBertError

__all__ = ["TARGETS", "Target", "allow_documented_errors", "check_result", "load_target"]

TARGETS = ("config", "protobuf", "bundle", "tokenizer_files", "json_lines", "arguments", "labelled_data", "h5")
"""The names of the modules; each defines ``TARGET``."""


@dataclass(frozen=True)
class Target:
    """A fuzz target.

    Attributes:
        run: runs an input; raises if the package handles it incorrectly.
        mutate: returns a mutation of an input.
        seeds: returns valid inputs, used in addition to the corpus.
    """

    run: Callable[[bytes], None]
    mutate: Callable[[bytes, Random], bytes]
    seeds: Callable[[], Sequence[bytes]]


def load_target(name: str) -> Target:
    """Load a target by name; ``module:NAME`` loads one from another module, as the tests of the runner do."""
    module, _, attribute = name.partition(":")
    target: Target = getattr(import_module(module if attribute else f"{__name__}.{name}"), attribute or "TARGET")
    return target


@contextmanager
def allow_documented_errors() -> Iterator[None]:
    """Allow the package's errors, and errors of the file system, which have a number."""
    try:
        yield
    except ConvBertError as error:
        assert str(error), "an error without a message"
    except OSError as error:
        if error.errno is None:
            raise


def check_result(result: Any) -> None:
    """Check that a result can be represented as JSON, without NaN and infinity."""
    if isinstance(result, np.ndarray):
        assert np.isfinite(result).all(), "a result is not finite"
    elif isinstance(result, list) and any(isinstance(part, np.ndarray) for part in result):
        for part in result:
            check_result(part)
    else:
        json.dumps(result, allow_nan=False).encode()
