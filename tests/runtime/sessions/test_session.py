"""Sessions of files that change while they are opened or used."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from golden import Exported
from onnx_bytes import INT8, INT64, node, tensor, value

from convbert_onnx import ConvBertOnnxPipeline
from convbert_onnx.errors import BundleError, InputError
from convbert_onnx.runtime.model_files.protobuf import write_field
from convbert_onnx.runtime.sessions.session import open_session

SIZE = 2**16


def model_bytes(fill: int, *, external: bool = False) -> bytes:
    """A model that outputs its int8 weights, all with one value; the small one is too small to be mapped."""
    weights = np.full(SIZE, fill, np.int8)
    graph = b""
    for name in ("one", "two"):
        graph += write_field(5, tensor(name, INT8, weights, location=f"{name}.bin" if external else None))
        graph += write_field(1, node("Gather", [name, "which"], [f"{name}_"]))
        graph += write_field(12, value(f"{name}_", INT8))
    if not external:
        graph += write_field(5, tensor("small", INT8, np.full(16, fill, np.int8)))
        graph += write_field(1, node("Identity", ["small"], ["small_"])) + write_field(12, value("small_", INT8))
    graph += write_field(2, b"weights") + write_field(11, value("which", INT64))
    return write_field(1, 8) + write_field(8, write_field(2, 18)) + write_field(7, graph)


def fills(session: object) -> set[int]:
    """Return the values in the weights of a session."""
    arrays = session.run(None, {"which": np.arange(SIZE)})  # type: ignore[attr-defined]
    return {int(number) for array in arrays for number in np.unique(array)}


def replace(path: Path, data: bytes) -> None:
    other = path.with_name("other")
    other.write_bytes(data)
    other.replace(path)


@pytest.mark.parametrize("mmap", [True, False])
@pytest.mark.parametrize("times", [1, 2, 100])
def test_file_replaced_while_opening_is_never_mixed(tmp_path: Path, times: int, mmap: bool) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(model_bytes(1))
    count = 0

    def other(*_: object) -> None:
        nonlocal count
        count += 1
        if count <= times:
            replace(path, model_bytes(count + 1))

    found = fills(open_session(path, mmap=mmap, check=other).session)
    assert found == {count}  # the last file that was opened
    assert found == {times + 1} or times == 100


OPENS = int(os.environ.get("CONVBERT_ONNX_OPENS", "40"))

RENAMER = """
import os, sys
from itertools import cycle
for other in cycle(sys.argv[2:]):
    os.link(other, sys.argv[1] + ".new")
    os.replace(sys.argv[1] + ".new", sys.argv[1])
    if os.getppid() == 1:
        break
"""


@pytest.mark.skipif(os.name != "posix", reason="an open file can only be replaced on POSIX")
@pytest.mark.parametrize("mmap", [True, False])
def test_sessions_opened_during_renames_use_one_file(tmp_path: Path, mmap: bool) -> None:
    """Another process renames one of two files over the path, again and again."""
    path, others = tmp_path / "model.onnx", [tmp_path / "1", tmp_path / "2"]
    for fill, other in enumerate(others, start=1):
        other.write_bytes(model_bytes(fill))
    path.write_bytes(model_bytes(1))
    seen: set[int] = set()
    with subprocess.Popen([sys.executable, "-c", RENAMER, path, *others]) as renamer:
        try:
            for _ in range(OPENS):
                found = fills(open_session(path, mmap=mmap).session)
                assert len(found) == 1
                seen |= found
        finally:
            renamer.kill()
    assert seen == {1, 2}


@pytest.mark.parametrize("external", [False, True])
def test_file_written_to_while_opening_is_refused(tmp_path: Path, external: bool) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(model_bytes(1, external=external))
    for name in ("one", "two"):
        (tmp_path / f"{name}.bin").write_bytes(bytes(SIZE))
    count = 0

    def write(*_: object) -> None:
        nonlocal count
        count += 1
        os.utime(tmp_path / "two.bin" if external else path, (count, count))

    with pytest.raises(BundleError, match="was replaced or written to each time it was opened"):
        open_session(path, check=write)
    assert fills(open_session(path).session) == {0 if external else 1}


def truncate(path: Path) -> None:
    os.truncate(path, 0)


def overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"\x55" * path.stat().st_size)


@pytest.mark.parametrize("damage", [truncate, overwrite])
@pytest.mark.parametrize("external", [False, True])
def test_sessions_without_mmap_survive_damage_to_the_file(
    tmp_path: Path, external: bool, damage: Callable[[Path], None]
) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(model_bytes(7, external=external))
    for name in ("one", "two"):
        (tmp_path / f"{name}.bin").write_bytes(b"\x07" * SIZE)
    session = open_session(path, mmap=False).session
    for file in tmp_path.iterdir():
        damage(file)
    assert fills(session) == {7}


def test_mmap_decides_whether_the_file_is_mapped(tmp_path: Path) -> None:
    maps = Path("/proc/self/maps")
    if not maps.exists():
        pytest.skip("this system has no /proc/self/maps")
    path = tmp_path / "model.onnx"
    path.write_bytes(model_bytes(1))
    session = open_session(path, mmap=False).session
    assert str(path) not in maps.read_text()
    mapped = open_session(path).session
    assert str(path) in maps.read_text()
    assert fills(session) == fills(mapped) == {1}


def test_open_session_accepts_a_path_that_is_not_unicode(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from convbert_onnx.runtime.sessions.session import open_session\n"
        "folder, data = os.fsencode(sys.argv[1]), sys.stdin.buffer.read()\n"
        "path = Path(os.fsdecode(folder + b'/m\\xff.onnx')); path.write_bytes(data); open_session(path)"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], input=model_bytes(1), check=True)


def test_link_is_resolved_once(tmp_path: Path) -> None:
    for name, fill in (("a", 1), ("b", 2)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.onnx").write_bytes(model_bytes(fill))
    link = tmp_path / "model.onnx"
    link.symlink_to("a/model.onnx")

    def relink(*_: object) -> None:
        link.unlink()
        link.symlink_to("b/model.onnx")

    assert fills(open_session(link, check=relink).session) == {1}
    assert fills(open_session(link).session) == {2}


def test_unknown_mmap_value_raises(exported: Exported) -> None:
    with pytest.raises(InputError, match="mmap must be True, False or 'auto', not 'no'"):
        ConvBertOnnxPipeline(exported(), mmap="no")  # type: ignore[call-overload]
    question = {"question": "Who?", "context": "It was Ada."}
    assert ConvBertOnnxPipeline(exported(), mmap=False)(**question) == ConvBertOnnxPipeline(exported())(**question)
