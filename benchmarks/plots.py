"""Plots: latency relative to the matmul floor, and how it grows with sequence length and batch size."""

from pathlib import Path
from typing import Any

from benchmarks.quartiles import FLOOR, times_of

__all__ = ["write_plots"]

_COLORS = "tab20"


def write_plots(results: dict[str, Any], folder: Path) -> list[Path]:
    """Write the plots for which enough shapes were measured, as SVG; none if matplotlib is not installed."""
    try:
        import matplotlib
    except ImportError:
        return []
    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "convbert-onnx", "font.size": 9, "axes.grid": True, "grid.alpha": 0.3})
    plots = [_ratios(results, folder / "ratios.svg")]
    lengths = [sorted({row["length"] for row in model["times"] if row["batch"] == 1}) for model in results["models"]]
    if all(len(measured) > 2 for measured in lengths):
        plots.append(_growth(results, folder / "growth.svg"))
    return plots


def _ratios(results: dict[str, Any], path: Path) -> Path:
    """Bars: the medians as multiples of the matmul floor's median."""
    figure, panels = _panels(1, results)
    shapes = [(batch, length) for batch, length in results["shapes"]]
    for panel, measured in zip(panels[0], results["models"], strict=True):
        names = [name for name in measured["backends"] if name != FLOOR]
        height = 0.8 / max(1, len(names))
        for number, name in enumerate(names):
            for place, shape in enumerate(shapes):
                times = times_of(measured, shape)
                if name in times and FLOOR in times:
                    label = name if place == 0 else None
                    ratio = times[name][1] / times[FLOOR][1]
                    panel.barh(place + (number + 0.5) * height - 0.4, ratio, height, color=_color(name), label=label)
        panel.axvline(1, color="black", linewidth=1)
        panel.set_yticks(range(len(shapes)), [f"{batch}x{length}" for batch, length in shapes])
        panel.invert_yaxis()
        panel.set(title=measured["model"], xlabel=f"time / {FLOOR}")
    return _save(figure, panels, path)


def _growth(results: dict[str, Any], path: Path) -> Path:
    """Lines: microseconds per token by sequence length, and texts per second by batch size."""
    figure, panels = _panels(2, results)
    for column, measured in enumerate(results["models"]):
        above, below = panels[0][column], panels[1][column]
        shapes = [(row["batch"], row["length"]) for row in measured["times"]]
        common = min(length for batch, length in shapes if batch == max(batch for batch, _ in shapes))
        by_length = {length: times_of(measured, (1, length)) for batch, length in shapes if batch == 1}
        by_batch = {batch: times_of(measured, (batch, common)) for batch, length in shapes if length == common}
        for name in measured["backends"]:
            lengths = [(length, 1000 * times[name][1] / length) for length, times in by_length.items() if name in times]
            batches = [(batch, 1000 * batch / times[name][1]) for batch, times in by_batch.items() if name in times]
            for panel, points in ((above, lengths), (below, batches)):
                if points:
                    panel.plot(*zip(*points, strict=True), marker=".", color=_color(name), label=name)
        above.set(title=measured["model"], xlabel="tokens of one text", ylabel="µs per token", xscale="log")
        below.set(xlabel=f"texts of {common} tokens in a batch", ylabel="texts per second", xscale="log")
        for panel, ticks in ((above, by_length), (below, by_batch)):
            panel.set_xticks(list(ticks), list(ticks), minor=False)
            panel.minorticks_off()
    return _save(figure, panels, path)


def _panels(rows: int, results: dict[str, Any]) -> tuple[Any, Any]:
    from matplotlib import pyplot

    columns = len(results["models"])
    size = (5 * columns, 4.5 * rows)
    figure, panels = pyplot.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
    return figure, panels


def _save(figure: Any, panels: Any, path: Path) -> Path:
    """Write a figure with one legend for all panels; the file is reproducible byte for byte."""
    legends = [panel.get_legend_handles_labels() for row in panels for panel in row]
    labels = {label: handle for handles, names in legends for handle, label in zip(handles, names, strict=True)}
    figure.legend(labels.values(), labels.keys(), loc="outside lower center", ncols=4)
    figure.savefig(path, metadata={"Date": None})
    return path


def _color(name: str) -> Any:
    """The color of a backend, the same in every plot."""
    from matplotlib import colormaps

    from benchmarks.backends import BACKENDS

    return colormaps[_COLORS]([backend.name for backend in BACKENDS].index(name))
