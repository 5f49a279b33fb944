"""What commands print: JSON or tables on stdout, progress on a terminal's stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

_WIDEST = 10_000
"""Columns of text; no table needs more."""


class Tick(Protocol):
    """Moves a progress display: done so far, of how much (None: unknown), and what is at hand."""

    def __call__(self, done: float, total: float | None = None, text: str = "") -> None: ...


def print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, sort_keys=False, allow_nan=False))


def print_table(title: str, rows: Mapping[str, Any]) -> None:
    """Two columns, name and value."""
    table = Table(title=title, show_header=False, title_justify="left")
    table.add_column(style="bold")
    table.add_column()
    for name, value in rows.items():
        table.add_row(name, str(value))
    Console().print(table)


def print_rows(table: Table) -> None:
    """A table of rows whose first column is a name: names are never cut or broken, so that they can be copied, and
    nothing is where no terminal sets the width."""
    table.columns[0].no_wrap = True
    console = Console()
    if not console.is_terminal:
        needed = console.measure(table, options=console.options.update(max_width=_WIDEST)).maximum
        console = Console(width=max(console.width, needed))
    names = max((len(str(cell)) for cell in table.columns[0].cells), default=0)
    table.columns[0].min_width = names
    console.print(table, crop=False)


@contextmanager
def progress(label: str, quiet: bool = False) -> Iterator[Tick]:
    """A progress line on stderr while a terminal watches; nothing otherwise."""
    if quiet or not sys.stderr.isatty():
        yield lambda done, total=None, text="": None
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[text]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task: TaskID = bar.add_task(label, total=None, text="")

        def tick(done: float, total: float | None = None, text: str = "") -> None:
            bar.update(task, completed=done, total=total, text=text)

        yield tick
