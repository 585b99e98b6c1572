"""A bar with the time left, on standard error or in a notebook."""

from __future__ import annotations

import importlib
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_EVERY = 0.5
"""Seconds between two pictures of the bar in a notebook."""


class Progress:
    """One task of a rich progress display, or nothing."""

    def __init__(self, display: Any = None, task: Any = None) -> None:
        self.display, self.task, self._what = display, task, ""

    def begin(self, what: str) -> None:
        """Say what is being done."""
        if self.display is not None:
            self._what = what
            self.display.update(self.task, description=what)

    def step(self, number: int, total: int) -> None:
        """Say which trial of a study begins."""
        if self.display is not None:
            self.display.update(self.task, description=f"{self._what}, trial {number} of {total}")

    def advance(self) -> None:
        """Move the bar on by one."""
        if self.display is not None:
            self.display.advance(self.task)


@contextmanager
def progress_bar(total: int, shown: bool, done: int = 0) -> Iterator[Progress]:
    """A bar for as long as the block runs; ``done`` of ``total`` were done before, which says nothing of the speed."""
    if not shown:
        yield Progress()
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Display

    columns = (
        SpinnerColumn(),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.description}", markup=False),
    )
    console = Console(stderr=True)
    notebook = console.is_jupyter
    # Over all that was done in this call: a training may take longer than the half minute that rich looks back.
    display = Display(*columns, console=console, transient=True, speed_estimate_period=float("inf"), disable=notebook)
    progress = Progress(display, display.add_task("", total=total, completed=done))
    with _in_notebook(display) if notebook else display:
        yield progress


@contextmanager
def _in_notebook(display: Any) -> Iterator[None]:
    """The bar as text that IPython replaces; rich's own way needs ipywidgets, and warns at each picture without them."""
    handle = importlib.import_module("IPython.display").display(_Picture(display), display_id=True)
    ended = threading.Event()

    def draw() -> None:
        while not ended.wait(_EVERY):
            handle.update(_Picture(display))

    thread = threading.Thread(target=draw, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        handle.update(_Picture(display))


class _Picture:
    """The display as it is now, for a notebook or as text."""

    def __init__(self, display: Any) -> None:
        from rich.console import Console

        console = Console(file=io.StringIO(), record=True, width=110, force_jupyter=False, force_terminal=False)
        console.print(display.get_renderable())
        self.text = console.export_text(clear=False).rstrip()
        self.html = console.export_html(inline_styles=True, code_format="<pre>{code}</pre>")

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return self.html
