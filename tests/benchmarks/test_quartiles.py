"""Median and quartiles of measured times."""

from benchmarks.quartiles import quartiles, times_of


def test_quartiles_interpolate_between_values() -> None:
    assert quartiles([4.0, 1.0, 3.0, 2.0]) == (1.75, 2.5, 3.25)


def test_quartiles_of_one_value_are_that_value() -> None:
    assert quartiles([7.0]) == (7.0, 7.0, 7.0)


def test_times_of_selects_the_shape_and_skips_backends_without_runs() -> None:
    rows = [
        {"batch": 1, "length": 16, "ms": {"ours": [1.0], "optimum": []}},
        {"batch": 2, "length": 16, "ms": {"ours": [5.0], "optimum": [6.0]}},
    ]
    assert times_of({"times": rows}, (1, 16)) == {"ours": (1.0, 1.0, 1.0)}
