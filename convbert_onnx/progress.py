"""Progress callbacks of long operations, and a counter of steps."""

from collections.abc import Callable

__all__ = ["Progress", "Steps", "no_progress"]

Progress = Callable[[str, int, int], None]
"""Called before each step with its description, the number of completed steps, and the number of steps."""


def no_progress(step: str, done: int, total: int) -> None:
    """Report nothing."""


class Steps:
    """Counts the steps of an operation, and reports each of them before it begins.

    Args:
        progress: the callback.
        total: number of steps.
    """

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = 0

    def begin(self, step: str) -> None:
        """Report a step."""
        self._progress(step, self._done, self._total)
        self._done += 1

    def finish(self, step: str) -> None:
        """Report, with the last step's description, that all steps are done."""
        self._progress(step, self._total, self._total)

    def remaining(self, step: str, done: int, total: int) -> None:
        """Report a step of an operation that is the rest of this one: its steps follow those counted here."""
        self._progress(step, self._done + done, self._total)
