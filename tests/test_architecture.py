"""The repository's structure: which room imports which, and that each module has its tests next to its name."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("convbert_onnx", "runtime", "models", "exporters")
LAYERS = {
    "convbert_onnx": {"convbert_onnx"},
    "runtime": {"convbert_onnx", "runtime"},
    "models": {"convbert_onnx", "models"},
    "exporters": {"convbert_onnx", "runtime", "models", "exporters"},
    "convbert_onnx/cli": {"convbert_onnx", "runtime", "models", "exporters", "convbert_onnx/cli"},
}
"""What each layer may import."""


def modules() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted(path.relative_to(ROOT) for path in (ROOT / package).rglob("*.py"))


def room(module: Path) -> str:
    """The folder of a module, or the module itself where it is directly in a package."""
    return str(module.parent if len(module.parts) > 2 else module.with_suffix(""))


def imported(module: Path) -> Iterator[Path]:
    """The modules of the product that a module imports, anywhere in it."""
    for node in ast.walk(ast.parse((ROOT / module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "convbert_onnx":
                parts = parts[1:] if parts[1:2] and parts[1] in PACKAGES else parts
                for length in range(len(parts), 0, -1):
                    if (ROOT / (path := Path(*parts[:length]).with_suffix(".py"))).is_file():
                        yield path
                        break


def arrows() -> dict[str, set[str]]:
    """For each room, the rooms that it imports. A package's ``__init__`` only re-exports."""
    found: dict[str, set[str]] = {}
    for module in modules():
        if module.name != "__init__.py" or "cli" in module.parts:
            own = found.setdefault(room(module), set())
            own |= {room(other) for other in imported(module)} - {room(module)}
    return found


def layer(name: str) -> str:
    return name if name in LAYERS else name.split("/")[0]


def test_rooms_form_no_circle() -> None:
    graph = arrows()
    assert "runtime/tokenization" in graph["runtime/pipelines"]
    assert "convbert_onnx/errors" in graph["models/checkpoint"]
    TopologicalSorter(graph).prepare()
    with pytest.raises(CycleError):
        TopologicalSorter({**graph, "runtime/tokenization": {"runtime/pipeline"}}).prepare()


def test_no_layer_imports_one_above_it() -> None:
    upwards = [
        f"{name} imports {other}"
        for name, others in arrows().items()
        for other in sorted(others)
        if layer(other) not in LAYERS[layer(name)]
    ]
    assert upwards == []


def test_each_module_has_a_test_file_of_its_name() -> None:
    without = [
        str(module)
        for module in modules()
        if module.name not in ("__init__.py", "__main__.py")
        and not (ROOT / "tests" / module.parent / f"test_{module.name}").is_file()
    ]
    assert without == []
