"""The description of the system."""

from importlib.metadata import version

from benchmarks.system_info import describe_system


def test_description_has_cpu_memory_and_versions() -> None:
    system = describe_system()
    assert system["cpu"]
    assert system["cpus"] >= 1
    assert system["memory"] > 2**28
    assert system["versions"]["numpy"] == version("numpy")
    assert system["versions"].keys() >= {"onnxruntime", "openvino"}  # None for packages that are not installed
