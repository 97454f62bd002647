import os
from pathlib import Path

import pytest

from convbert_onnx.runtime.sessions.threads import available_cores


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return folder


@pytest.fixture
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convbert_onnx.runtime.sessions.threads._physical_cores", lambda: 4)


@pytest.mark.usefixtures("four_cores")
def test_available_cores_without_a_quota_is_all_cores(tmp_path: Path) -> None:
    assert available_cores(tmp_path) == 4
    assert available_cores(write(tmp_path, cpu_dot_max="max 100000")) == 4


@pytest.mark.usefixtures("four_cores")
@pytest.mark.parametrize(("limit", "cores"), [("200000", 2), ("150000", 2), ("50000", 1), ("900000", 4)])
def test_available_cores_respects_quotas_of_both_cgroup_versions(tmp_path: Path, limit: str, cores: int) -> None:
    first, second = tmp_path / "v1", tmp_path / "v2"
    first.mkdir()
    second.mkdir()
    assert available_cores(write(second, cpu_dot_max=f"{limit} 100000\n")) == cores
    files = {"cpu__cpu_dot_cfs_quota_us": f"{limit}\n", "cpu__cpu_dot_cfs_period_us": "100000\n"}
    assert available_cores(write(first, **files)) == cores


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity")
def test_available_cores_respects_affinity(tmp_path: Path) -> None:
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert available_cores(tmp_path) == 1
    finally:
        os.sched_setaffinity(0, allowed)
