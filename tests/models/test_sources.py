"""Checkpoints from the hub: the real client, in its own process, against a fake hub on localhost."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_hub import FakeHub, fake_hub
from golden import CHECKPOINTS
from safetensors.torch import load_file
from tensorflow_files import write_h5
from transformers import ConvBertForQuestionAnswering as Reference

PLAIN = CHECKPOINTS / "plain-question-answering"
CONVERT = (sys.executable, "-m", "convbert_onnx", "convert")

# Several calls per process, because starting one takes seconds.
LOCATE = """
import json, sys
from convbert_onnx.models.sources import locate
for call in json.loads(sys.argv[1]):
    try:
        source = locate(**call)
        files = {path.name: path.read_text() for path in source.directory.iterdir()}
        print(json.dumps({"name": source.name, "files": files}))
    except Exception as error:
        print(json.dumps({"error": type(error).__name__, "message": str(error)}))
"""

Locate = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with fake_hub() as served:
        yield served


@pytest.fixture
def environment(hub: FakeHub, tmp_path: Path) -> dict[str, str]:
    """Environment variables with the fake hub and an empty cache, without the user's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
    kept = {name: value for name, value in kept.items() if not name.lower().endswith("_proxy")}
    return kept | {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(tmp_path / "cache")}


@pytest.fixture
def locate(environment: dict[str, str], tmp_path: Path) -> Locate:
    def call(*calls: dict[str, Any], **changes: str) -> list[dict[str, Any]]:
        command = [sys.executable, "-c", LOCATE, json.dumps(calls)]
        result = subprocess.run(
            command, env=environment | changes, cwd=tmp_path, check=True, capture_output=True, text=True
        )
        return [json.loads(line) for line in result.stdout.splitlines()]

    return call


def repository(folder: Path, *names: str) -> Path:
    """Create a directory with these files, whose contents do not matter."""
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(f"{folder.name} {name}")
    return folder


def test_only_the_preferred_weights_are_downloaded(hub: FakeHub, locate: Locate, tmp_path: Path) -> None:
    common = (
        "README.md",
        "onnx/model.onnx",
        "training_args.bin",
        "config.json",
        "vocab.txt",
        "tokenizer_config.json",
    )
    shards = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
    formats = {
        "a/all": (("model.safetensors",), ("pytorch_model.bin", "tf_model.h5", "flax_model.msgpack")),
        "a/shards": (("model.safetensors.index.json", *shards), ("pytorch_model.bin", "adapter_model.safetensors")),
        "a/torch": (("pytorch_model.bin",), ("tf_model.h5", "model.ckpt.index", "model.ckpt.data-00000-of-00001")),
        "a/keras": (("tf_model.h5",), ()),
        "legacy": (("model.ckpt.index", "model.ckpt.data-00000-of-00001"), ("model.ckpt.meta",)),
    }
    for name, (expected, others) in formats.items():
        hub.revisions[name] = {"main": repository(tmp_path / "hub" / name, *common, *expected, *others)}
    *sources, again = locate(*({"checkpoint": name} for name in formats), {"checkpoint": "a/all"})
    assert again == sources[0]
    for (name, (expected, _)), source in zip(formats.items(), sources, strict=True):
        assert source["files"].keys() == {*expected, "config.json", "vocab.txt", "tokenizer_config.json"}, name
        assert source["name"].startswith(f"{name}@")
    assert len(hub.downloads) == sum(len(source["files"]) for source in sources)  # the second call used the cache


def test_revision_can_be_a_branch_tag_or_commit(hub: FakeHub, locate: Locate, tmp_path: Path) -> None:
    names = ("main", "v1.0")
    hub.revisions["a/b"] = {
        name: repository(tmp_path / "hub" / name, "config.json", "model.safetensors") for name in names
    }
    revision = hub.find("a/b", "v1.0")
    assert revision is not None
    _, sha = revision
    main, tag, commit, missing = locate(
        {"checkpoint": "a/b"},
        *({"checkpoint": "a/b", "revision": revision} for revision in ("v1.0", sha, "v2.0")),
    )
    assert main["files"]["model.safetensors"] == "main model.safetensors"
    assert tag["files"]["model.safetensors"] == "v1.0 model.safetensors"
    assert tag["name"] == f"a/b@{sha[:12]}"
    assert commit == tag != main
    assert missing["error"] == "FileMissingError"
    assert "a/b has no revision v2.0" in missing["message"]


def test_offline_uses_the_cache_without_requests(hub: FakeHub, locate: Locate, tmp_path: Path) -> None:
    hub.revisions["a/b"] = {"main": repository(tmp_path / "hub" / "b", "config.json", "pytorch_model.bin")}
    (missing,) = locate({"checkpoint": "a/b", "offline": True})
    assert missing["error"] == "FileMissingError"
    assert "offline mode is on: download it once" in missing["message"]
    assert hub.requests == []
    (online,) = locate({"checkpoint": "a/b"})
    asked = len(hub.requests)
    assert asked > 0
    calls = {"checkpoint": "a/b", "offline": True}, {"checkpoint": "a/b", "offline": True, "revision": "v1"}
    offline, other = locate(*calls)
    assert offline == online
    assert other["error"] == "FileMissingError"
    assert "at revision v1" in other["message"]
    (by_variable,) = locate({"checkpoint": "a/b"}, HF_HUB_OFFLINE="1")
    assert by_variable == online
    assert len(hub.requests) == asked


def test_incomplete_download_is_not_used_offline(
    hub: FakeHub, locate: Locate, environment: dict[str, str], tmp_path: Path
) -> None:
    hub.revisions["a/b"] = {"main": repository(tmp_path / "hub" / "b", "config.json", "pytorch_model.bin")}
    locate({"checkpoint": "a/b"})
    (weights,) = Path(environment["HF_HOME"]).rglob("snapshots/*/pytorch_model.bin")
    weights.unlink()
    (offline,) = locate({"checkpoint": "a/b", "offline": True})
    assert offline["error"] == "FileMissingError"


def test_cache_is_used_if_the_hub_cannot_be_reached(hub: FakeHub, locate: Locate, tmp_path: Path) -> None:
    hub.revisions["a/b"] = {"main": repository(tmp_path / "hub" / "b", "config.json", "tf_model.h5")}
    (online,) = locate({"checkpoint": "a/b"})
    unreachable = "http://127.0.0.1:9"
    cached, missing = locate({"checkpoint": "a/b"}, {"checkpoint": "a/c"}, HF_ENDPOINT=unreachable)
    assert cached == online
    assert missing["error"] == "HubError"
    assert missing["message"].startswith(f"{unreachable} cannot be reached (")
    assert "\n" not in missing["message"]
    hub.broken = True
    cached, missing = locate({"checkpoint": "a/b"}, {"checkpoint": "a/c"})
    assert cached == online
    assert missing["error"] == "HubError"


def test_errors_of_the_hub_have_one_line_messages(hub: FakeHub, locate: Locate, tmp_path: Path) -> None:
    for name, files in {
        "a/gated": ("config.json", "model.safetensors"),
        "a/onnx": ("config.json", "onnx/model.onnx"),
        "a/bare": ("model.safetensors",),
    }.items():
        hub.revisions[name] = {"main": repository(tmp_path / "hub" / name, *files)}
    hub.gated.add("a/gated")
    expected = {
        "a/none": ("FileMissingError", "neither a local directory nor a public repository"),
        "a/gated": ("HubError", f"is gated: request access on {hub.endpoint}/a/gated"),
        "a/onnx": ("FileMissingError", "a/onnx has no weights"),
        "a/bare": ("FileMissingError", "a/bare has no config.json"),
        "a--b": ("FileMissingError", "nor a valid repository id"),
        "a/b/c": ("FileMissingError", "is missing: name a directory"),
        "../a": ("FileMissingError", "is missing: name a directory"),
    }
    for name, result in zip(expected, locate(*({"checkpoint": name} for name in expected)), strict=True):
        error, message = expected[name]
        assert result["error"] == error, name
        assert message in result["message"]
        assert "\n" not in result["message"]


def test_convert_command_downloads_with_progress_bars(
    hub: FakeHub, environment: dict[str, str], tmp_path: Path
) -> None:
    released = tmp_path / "hub"
    released.mkdir()
    for name in ("config.json", "vocab.txt"):
        shutil.copy(PLAIN / name, released)
    write_h5(released / "tf_model.h5", load_file(PLAIN / "model.safetensors"))
    hub.revisions["owner/name"] = {"v1": released}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*CONVERT, *arguments, "-o", "new"], env=environment, cwd=tmp_path, capture_output=True, text=True
        )

    result = run("owner/name", "--revision", "v1")
    assert result.returncode == 0, result.stderr
    assert "Fetching 3 files" in result.stderr
    assert result.stdout.startswith("new: ConvBertForQuestionAnswering of owner/name@")
    written, original = (load_file(folder / "model.safetensors") for folder in (tmp_path / "new", PLAIN))
    assert all(written[name].equal(original[name]) for name in original)
    Reference.from_pretrained(tmp_path / "new")
    result = run("owner/name", "--offline")
    assert result.returncode == 1
    assert result.stderr.startswith(
        "Error: owner/name is neither a local directory nor, at revision main, in the cache"
    )
    assert result.stderr.count("\n") == 1
