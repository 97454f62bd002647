"""Time per operator, from onnxruntime's profiler."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypedDict

from convbert_onnx.runtime.sessions.cpu import EXACT_OPTION
from convbert_onnx.runtime.sessions.onnxruntime_types import Array
from convbert_onnx.runtime.sessions.providers import ProviderSpec
from convbert_onnx.runtime.sessions.session import default_options, open_session

__all__ = ["OperatorTime", "profile"]

_RUNS = 10
_WARM_UP_RUNS = 2


@dataclass(frozen=True)
class OperatorTime:
    """The time of all nodes of one operator in one run.

    Attributes:
        operator: its name, after onnxruntime's own fusions.
        provider: the execution provider that runs it.
        count: the number of nodes.
        ms: their time in milliseconds, the mean of the runs.
        share: their share of the time of all operators, 0 to 1.
    """

    operator: str
    provider: str
    count: int
    ms: float
    share: float


class _Event(TypedDict):
    """An event in the profiler's file, as far as it is used here; times in microseconds."""

    cat: str
    name: str
    ts: int
    dur: int
    args: dict[str, str]


def profile(
    path: Path,
    feed: Mapping[str, Array],
    providers: str | Sequence[ProviderSpec] | None = None,
    threads: int | None = None,
    *,
    native: bool,
    exact_int8: bool = False,
) -> tuple[OperatorTime, ...]:
    """Profile a file with these inputs, and return its operators, slowest first.

    The profiler adds time to every node, so the sum is more than a run takes without it.
    """
    with TemporaryDirectory() as folder:
        options = default_options(threads)
        options.enable_profiling = True
        if exact_int8:
            options.add_session_config_entry(EXACT_OPTION, "1")
        options.profile_file_prefix = str(Path(folder, "profile"))
        session = open_session(path, providers, session_options=options, native=native).session
        for _ in range(_WARM_UP_RUNS + _RUNS):
            session.run(None, feed)
        events: list[_Event] = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    return _by_operator(events)


def _by_operator(events: Sequence[_Event]) -> tuple[OperatorTime, ...]:
    first_timed = sorted(event["ts"] for event in events if event["name"] == "model_run")[_WARM_UP_RUNS]
    nodes = [
        (event["args"]["op_name"], event["args"]["provider"], event["dur"] / 1000)
        for event in events
        if event["cat"] == "Node" and event["name"].endswith("_kernel_time") and event["ts"] >= first_timed
    ]
    total = sum(ms for *_, ms in nodes) or 1.0  # in whole microseconds, of which a tiny model may take 0
    operators = []
    for (operator, provider), group in groupby(sorted(nodes), key=lambda node: node[:2]):
        times = [ms for *_, ms in group]
        operators.append(
            OperatorTime(operator, provider, round(len(times) / _RUNS), sum(times) / _RUNS, sum(times) / total)
        )
    return tuple(sorted(operators, key=lambda operator: -operator.ms))
