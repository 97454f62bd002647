"""The page of results."""

import json
from pathlib import Path

import pytest

from benchmarks.markdown import write_page

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


@pytest.mark.parametrize("folder", [RESULTS, RESULTS / "int8"], ids=lambda folder: folder.name)
def test_committed_page_is_written_from_the_committed_results(folder: Path, tmp_path: Path) -> None:
    results = json.loads((folder / "results.json").read_text())
    write_page(results, tmp_path / "README.md", [Path("ratios.svg"), Path("growth.svg")])
    assert (tmp_path / "README.md").read_text() == (folder / "README.md").read_text()
