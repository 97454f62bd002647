"""The results as Markdown tables, one section per model."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.quartiles import FLOOR, OURS, quartiles, times_of

__all__ = ["write_page"]


def write_page(results: dict[str, Any], path: Path, plots: Sequence[Path]) -> None:
    """Write the page, with links to the plots in the same folder."""
    parts = ["# Results", _conditions(results)]
    shapes = [(batch, length) for batch, length in results["shapes"]]
    for measured in results["models"]:
        parts += [f"## {measured['model']}", _times(measured, shapes)]
        for reference in (FLOOR, OURS):
            if any(reference in times_of(measured, shape) for shape in shapes):
                parts += [f"Median, as a multiple of the median of {reference}:"]
                parts += [_ratios(measured, shapes, reference)]
        parts += [_resources(measured)]
        if measured["left_out"]:
            parts.append("Left out:")
            parts.append("\n".join(f"- {name}: {_escape(why)}" for name, why in measured["left_out"].items()))
    parts += [f"![{plot.stem}]({plot.name})" for plot in plots]
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _conditions(results: dict[str, Any]) -> str:
    system = results["system"]
    versions = ", ".join(f"{name} {number}" for name, number in system["versions"].items() if number)
    return (
        f"{system['date']}: {system['cpu']} ({system['family']}; {', '.join(system['flags']) or 'no flags'}), "
        f"{system['cpus']} processors, {results['threads']} threads each, {system['memory'] / 2**30:.0f} GiB, "
        f"{system['system']}, Python {system['python']}; {versions}.\n\n"
        "Question answering, random weights and tokens, nothing padded. Each backend runs in its own process; the "
        "backends are interleaved, one run each, with a pause of 60 ms before each run. "
        "Milliseconds: median (quartiles)."
    )


def _times(measured: dict[str, Any], shapes: Sequence[tuple[int, int]]) -> str:
    by_shape = {shape: times_of(measured, shape) for shape in shapes}
    rows = []
    for name, about in measured["backends"].items():
        note = f" ({about['note']})" if about["note"] else ""
        cells = [_spread(by_shape[shape][name]) if name in by_shape[shape] else "" for shape in shapes]
        rows.append([name + note, *cells])
    return _table([f"{measured['model']}, batch x length", *_names(shapes)], rows)


def _ratios(measured: dict[str, Any], shapes: Sequence[tuple[int, int]], reference: str) -> str:
    by_shape = {shape: times_of(measured, shape) for shape in shapes}
    rows = []
    for name in measured["backends"]:
        pairs = [(by_shape[shape].get(name), by_shape[shape].get(reference)) for shape in shapes]
        rows.append([name, *(f"{own[1] / other[1]:.2f}" if own and other else "" for own, other in pairs)])
    return _table([f"{measured['model']}, ratio", *_names(shapes)], rows)


def _resources(measured: dict[str, Any]) -> str:
    rows = []
    for name, about in measured["backends"].items():
        starts = measured["cold_starts"].get(name, [])
        seconds = f"{quartiles([start['seconds'] for start in starts])[1]:.2f}" if starts else ""
        first = _megabytes(max((start["peak_memory"] or 0 for start in starts), default=0))
        memory = _megabytes(about.get("peak_memory") or 0)
        rows.append([name, _megabytes(about["bytes"]), f"{about['open_ms']:.0f}", memory, seconds, first])
    columns = (
        "file, MB",
        "loaded in, ms",
        "peak memory, MB",
        "cold start to first answer, s",
        "cold start peak memory, MB",
    )
    return _table([measured["model"], *columns], rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _names(shapes: Iterable[tuple[int, int]]) -> list[str]:
    return [f"{batch}x{length}" for batch, length in shapes]


def _spread(times: tuple[float, float, float]) -> str:
    digits = 2 if times[1] < 10 else 1 if times[1] < 100 else 0
    low, middle, high = (f"{value:.{digits}f}" for value in times)
    return f"{middle} ({low}-{high})"


def _megabytes(size: int) -> str:
    return f"{size / 2**20:.0f}" if size else ""


def _escape(text: str) -> str:
    return text.replace("<", "&lt;").replace("|", "\\|")
