"""Progress bars."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Never

from tqdm import tqdm

from convbert_onnx.progress import Progress

__all__ = ["step_bar"]

_FORMAT = "{desc} {bar} {n_fmt}/{total_fmt}"


@contextmanager
def step_bar() -> Iterator[Progress]:
    """A progress bar over named steps, as a callback for the library's ``progress`` parameters."""
    with ExitStack() as stack:
        bar: tqdm[Never] | None = None

        def progress(step: str, done: int, total: int) -> None:
            nonlocal bar
            if bar is None:  # created late: a download shows bars of its own
                bar = stack.enter_context(tqdm(bar_format=_FORMAT, leave=False, disable=None))
            bar.total, bar.n = total, done
            bar.set_description_str(f"{step:<24}")

        yield progress
