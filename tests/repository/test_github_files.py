"""The files in .github against the published schemas, and the workflows against the Makefile and pyproject.toml."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
TEST = GITHUB / "workflows" / "test.yml"

SCHEMAS = [
    (path, schema)
    for pattern, schema in (
        ("workflows/*.yml", "vendor.github-workflows"),
        ("dependabot.yml", "vendor.dependabot"),
        ("ISSUE_TEMPLATE/config.yml", "vendor.github-issue-config"),
        ("ISSUE_TEMPLATE/[!c]*.yml", "vendor.github-issue-forms"),
    )
    for path in sorted(GITHUB.glob(pattern))
]


def check(path: Path, schema: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(path)]
    return subprocess.run(command, capture_output=True, text=True)


def test_every_yaml_file_has_a_schema() -> None:
    assert {path for path, _ in SCHEMAS} == set(GITHUB.rglob("*.yml"))


@pytest.mark.parametrize(("path", "schema"), SCHEMAS, ids=[path.name for path, _ in SCHEMAS])
def test_file_follows_its_schema(path: Path, schema: str) -> None:
    done = check(path, schema)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(("path", "schema"), SCHEMAS, ids=[path.name for path, _ in SCHEMAS])
def test_unknown_key_is_refused(path: Path, schema: str, tmp_path: Path) -> None:
    wrong = tmp_path / path.name
    wrong.write_text(f"{path.read_text(encoding='utf-8')}\nunknown-key: 1\n", encoding="utf-8")
    assert check(wrong, schema).returncode == 1


def test_workflow_runs_the_ci_script_and_the_oldest_python() -> None:
    workflow = TEST.read_text(encoding="utf-8")
    assert "run: .ci/run" in workflow
    (pythons,) = re.findall(r"python: \[(.+)\]", workflow)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == f">={pythons.split(',')[0].strip().strip(chr(34))}"


def test_pre_commit_takes_the_versions_of_constraints() -> None:
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    pins = re.findall(r"\[([\w-]+==[\w.]+)\]", hooks)
    assert {pin.split("==")[0] for pin in pins} == {"clang-format", "ruff"}
    assert set(pins) <= set((ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize(
    ("tag", "files", "options", "fault"),
    [
        ("linux_x86_64", ["kernels.so"], [], ""),
        ("any", [], ["--without"], ""),
        ("linux_x86_64", [], [], "lacks"),
        ("any", ["kernels.so"], [], "has"),
        ("any", [], [], "lacks"),
        ("linux_x86_64", ["kernels.so"], ["--without"], "has"),
    ],
)
def test_wheel_check_notices_missing_and_unexpected_kernels(
    tmp_path: Path, tag: str, files: list[str], options: list[str], fault: str
) -> None:
    with ZipFile(tmp_path / f"package-1.0-py3-none-{tag}.whl", "w") as wheel:
        for name in files:
            wheel.writestr(f"convbert_onnx/runtime/native/{name}", b"")
    script = ROOT / "tests" / "repository" / "wheel_has_kernels.py"
    done = subprocess.run([sys.executable, script, tmp_path, *options], capture_output=True, text=True)
    assert bool(done.returncode) == bool(fault)
    assert fault in done.stderr


def test_pre_commit_config_is_valid() -> None:
    command = [sys.executable, "-m", "pre_commit", "validate-config"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True).returncode == 0
