"""A bar with the time left, on standard error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Progress:
    """One task of a rich progress display, or nothing."""

    def __init__(self, display: Any = None, task: Any = None) -> None:
        self.display, self.task = display, task

    def begin(self, what: str) -> None:
        """Say what is being done."""
        if self.display is not None:
            self.display.update(self.task, description=what)

    def advance(self) -> None:
        """Move the bar on by one."""
        if self.display is not None:
            self.display.advance(self.task)


@contextmanager
def progress_bar(total: int, shown: bool) -> Iterator[Progress]:
    """A bar for as long as the block runs."""
    if not shown:
        yield Progress()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Display

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with Display(*columns, console=Console(stderr=True), transient=True) as display:
        yield Progress(display, display.add_task("", total=total))
