"""The documentation has a section for each task, and for each other use of a task's models."""

import re
from pathlib import Path

from convbert_onnx.tasks import TASKS

PAGES = [page.read_text(encoding="utf-8") for page in (Path(__file__).parents[1] / "docs").rglob("*.md")]


def is_documented(task: str) -> bool:
    heading = re.compile(rf"^#+ .*{task.replace('-', '[- ]')}", re.MULTILINE | re.IGNORECASE)
    return any(heading.search(page) for page in PAGES)


def test_each_task_has_a_section() -> None:
    assert [use.name for task in TASKS for use in task.uses if not is_documented(use.name)] == []
    assert not is_documented("summarization")
