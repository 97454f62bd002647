"""Files that the pages for contributors name exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PATH = re.compile(r"`((?:[\w.-]+/)*[\w.-]+\.(?:py|c|h|inc|sh|md|toml|txt)|(?:[\w-]+/)+[\w-]*)`")
PAGES = ("CONTRIBUTING.md", "docs/architecture.md")


def missing_paths(text: str) -> list[str]:
    """Paths between backticks that are not in the repository; model.onnx.data and the like are no paths of it."""
    return [path for path in PATH.findall(text) if not (ROOT / path).exists()]


@pytest.mark.parametrize("page", PAGES)
def test_paths_in_backticks_exist(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert PATH.findall(text)
    assert missing_paths(text) == []


def test_missing_path_is_reported() -> None:
    assert missing_paths("see `runtime/pipeline.py` and `runtime/nowhere.py`") == ["runtime/nowhere.py"]
