"""The documentation's build fails where it should. That it passes otherwise is checked by `make docs`."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mkdocs")

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The files of which the site is built, to be changed by a test."""
    for entry in ROOT.iterdir():
        if entry.name in ("docs", "convbert_onnx"):
            shutil.copytree(entry, tmp_path / entry.name, symlinks=True)
        elif entry.name not in (".git", ".venv", "build"):
            (tmp_path / entry.name).symlink_to(entry)
    return tmp_path


def warning_of_failed_build(project: Path) -> str:
    """The one warning of a build that fails."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(project / "site")]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    (warning,) = (line for line in done.stderr.splitlines() if line.startswith("WARNING"))
    return warning


@pytest.mark.parametrize(
    ("link", "message"),
    [
        ("nowhere.md", "'nowhere.md'"),
        ("export.md#nowhere", "'#nowhere'"),
        ("../nowhere.py", "links to ../nowhere.py, which is not in the repository"),
    ],
)
def test_broken_link_fails_the_build(link: str, message: str, project: Path) -> None:
    with (project / "docs" / "kernels.md").open("a", encoding="utf-8") as page:
        page.write(f"\n[broken]({link})\n")
    assert message in warning_of_failed_build(project)


def test_public_name_without_docstring_fails_the_build(project: Path) -> None:
    errors = project / "convbert_onnx" / "errors.py"
    text = errors.read_text(encoding="utf-8")
    start = text.index('    """', text.index("class HubError"))
    errors.write_text(f"{text[:start]}    pass\n{text[text.index(chr(10), start) + 1 :]}", encoding="utf-8")
    assert "convbert_onnx.errors.HubError has no docstring" in warning_of_failed_build(project)


def test_public_name_without_a_place_in_the_reference_fails_the_build(project: Path) -> None:
    page = project / "docs" / "api" / "exporters.md"
    text = page.read_text(encoding="utf-8")
    page.write_text(text.replace("members: [quantize, ", "members: ["), encoding="utf-8")
    assert "convbert_onnx.exporters.quantize is not in the API reference" in warning_of_failed_build(project)
