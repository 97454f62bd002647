"""The time of each operator, summed up from the events of onnxruntime's profiler."""

import numpy as np
import pytest
from golden import Exported

from convbert_onnx.runtime.benchmarking import profiling
from convbert_onnx.runtime.benchmarking.profiling import profile
from convbert_onnx.runtime.sessions.kernels import LIBRARY


def test_profile_leaves_out_the_warm_up_and_averages_the_runs() -> None:
    events: list[profiling._Event] = []
    for run in range(12):
        start = 1000 * run
        events.append({"cat": "Session", "name": "model_run", "ts": start, "dur": 900, "args": {}})
        for number, (operator, microseconds) in enumerate([("MatMul", 300), ("MatMul", 100), ("Add", 100)]):
            args = {"op_name": operator, "provider": "CPUExecutionProvider"}
            duration = 10 * microseconds if run < 2 else microseconds
            name = f"node{number}_kernel_time"
            events.append({"cat": "Node", "name": name, "ts": start + 1 + number, "dur": duration, "args": args})
            fence = f"node{number}_fence_before"
            events.append({"cat": "Node", "name": fence, "ts": start + 1 + number, "dur": 500, "args": args})
    matmul, add = profiling._by_operator(events)
    assert (matmul.operator, matmul.count, add.operator, add.count) == ("MatMul", 2, "Add", 1)
    assert (matmul.ms, matmul.share, add.ms, add.share) == pytest.approx((0.4, 0.8, 0.1, 0.2))


def test_model_without_measurable_time_has_no_shares() -> None:
    runs: list[profiling._Event] = [
        {"cat": "Session", "name": "model_run", "ts": ts, "dur": 0, "args": {}} for ts in range(12)
    ]
    assert profiling._by_operator(runs) == ()


@pytest.mark.parametrize("native", [False, True])
def test_profile_names_the_operators_that_run(exported: Exported, native: bool) -> None:
    if native and not LIBRARY.is_file():
        pytest.skip("the native kernels are not built")
    feed = {name: np.ones((1, 8), np.int64) for name in ("input_ids", "attention_mask", "token_type_ids")}
    operators = {one.operator for one in profile(exported(), feed, threads=1, native=native)}
    assert ("MaskedAttention" in operators) == native
