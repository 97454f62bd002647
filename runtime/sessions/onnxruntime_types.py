"""Protocols for the onnxruntime objects that this package uses; onnxruntime ships no type information."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "NodeArg", "Session", "SessionOptions"]

Array = NDArray[np.generic]
"""An input or output of a session, of any type."""


class NodeArg(Protocol):
    """An input or output that a graph declares."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def shape(self) -> Sequence[int | str | None]:
        """The size of each axis: a number if fixed, else the name of the axis or None."""

    @property
    def type(self) -> str:
        """Its type, such as ``tensor(int64)``."""


class SessionOptions(Protocol):
    """An ``onnxruntime.SessionOptions``."""

    intra_op_num_threads: int
    log_severity_level: int
    enable_profiling: bool
    profile_file_prefix: str

    def add_session_config_entry(self, key: str, value: str, /) -> None:
        """Set a configuration entry."""

    def get_session_config_entry(self, key: str, /) -> str:
        """Return a configuration entry; RuntimeError if it is not set."""

    def add_external_initializers(self, names: list[str], values: list[object], /) -> None:
        """Use these OrtValues for the initializers with these names."""

    def register_custom_ops_library(self, path: str, /) -> None:
        """Register the operators of a shared library."""


class Session(Protocol):
    """An ``onnxruntime.InferenceSession``."""

    def get_inputs(self) -> Sequence[NodeArg]:
        """Return the inputs that the graph declares."""

    def get_outputs(self) -> Sequence[NodeArg]:
        """Return the outputs that the graph declares."""

    def get_providers(self) -> list[str]:
        """Return the names of the active execution providers."""

    def get_session_options(self) -> SessionOptions:
        """Return the options that the session was created with."""

    def run(self, output_names: Sequence[str] | None, input_feed: Mapping[str, Array], /) -> list[Array]:
        """Compute these outputs, or all if None; ``input_feed`` must be a dict."""

    def end_profiling(self) -> str:
        """Stop the profiler and return the path of its file."""
