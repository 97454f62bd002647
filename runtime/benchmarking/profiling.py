"""Where the time of a run goes, operator by operator, as onnxruntime's profiler sees it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from convbert_onnx.runtime.sessions.cpu import EXACT_OPTION
from convbert_onnx.runtime.sessions.onnxruntime_types import Array
from convbert_onnx.runtime.sessions.providers import ProviderSpec
from convbert_onnx.runtime.sessions.session import default_options, open_session

__all__ = ["OperatorTime", "profile"]

_RUNS = 10
_WARM_UP = 2


@dataclass(frozen=True)
class OperatorTime:
    """What all nodes of one operator take together, in one run.

    Attributes:
        operator: its name after onnxruntime's own fusions.
        provider: the execution provider that computes it.
        count: nodes that run.
        ms: their milliseconds, mean of the runs.
        share: the part of all operators' time, 0 to 1.
    """

    operator: str
    provider: str
    count: int
    ms: float
    share: float


def profile(
    path: Path,
    feed: Mapping[str, Array],
    providers: str | Sequence[ProviderSpec] | None = None,
    threads: int | None = None,
    *,
    native: bool,
    exact_int8: bool = False,
) -> tuple[OperatorTime, ...]:
    """The operators of a file by the time they take on these inputs, slowest first.

    The profiler itself costs time at every node, so the sum is more than a run takes without it.
    """
    with TemporaryDirectory() as folder:
        options = default_options(threads)
        options.enable_profiling = True
        if exact_int8:
            options.add_session_config_entry(EXACT_OPTION, "1")
        options.profile_file_prefix = str(Path(folder, "profile"))
        session = open_session(path, providers, session_options=options, native=native).session
        for _ in range(_WARM_UP + _RUNS):
            session.run(None, feed)
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    return _by_operator(events)


def _by_operator(events: Sequence[dict[str, Any]]) -> tuple[OperatorTime, ...]:
    begins = sorted(event["ts"] for event in events if event["name"] == "model_run")
    nodes = [
        (event["args"]["op_name"], event["args"]["provider"], event["dur"] / 1000)
        for event in events
        if event["cat"] == "Node" and event["name"].endswith("_kernel_time") and event["ts"] >= begins[_WARM_UP]
    ]
    total = sum(ms for *_, ms in nodes) or 1.0  # the clock counts microseconds: a tiny model may take none
    found = []
    for (operator, provider), group in groupby(sorted(nodes), key=lambda node: node[:2]):
        times = [ms for *_, ms in group]
        found.append(
            OperatorTime(operator, provider, round(len(times) / _RUNS), sum(times) / _RUNS, sum(times) / total)
        )
    return tuple(sorted(found, key=lambda operator: -operator.ms))
