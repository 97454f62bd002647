"""The table of backends, and the selection from it."""

from benchmarks.backends import BACKENDS, select_backends
from benchmarks.cold_start import PROGRAMS
from benchmarks.files import FILES
from benchmarks.quartiles import FLOOR, OURS


def selected(*words: str) -> list[str]:
    return [backend.name for backend in select_backends(words)]


def test_whole_name_selects_that_backend_alone() -> None:
    assert selected("optimum") == [FLOOR, "optimum"]


def test_part_of_a_name_selects_all_backends_with_it() -> None:
    assert selected("OpenVINO def", "optimum int8") == [FLOOR, "OpenVINO default", "optimum int8"]


def test_empty_word_selects_all_backends() -> None:
    assert selected("") == [backend.name for backend in BACKENDS]


def test_names_used_elsewhere_are_backends() -> None:
    names = [backend.name for backend in BACKENDS]
    assert len(set(names)) == len(names)
    assert {FLOOR, OURS, *PROGRAMS} <= set(names)


def test_files_of_backends_exist_and_are_written_after_the_files_they_need() -> None:
    assert {backend.file for backend in BACKENDS} == FILES.keys()
    order = list(FILES)
    for name, file in FILES.items():
        assert all(order.index(need) < order.index(name) for need in file.needs)
