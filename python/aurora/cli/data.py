"""``aurora data``: what captures hold."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from aurora.capture import capture_info
from aurora.cli.export import export
from aurora.cli.output import print_json, progress
from aurora.errors import DataError

data_app = typer.Typer(help="Look at captured market data.", no_args_is_help=True)


@data_app.callback()
def _data() -> None:
    pass


data_app.command()(export)


@data_app.command()
def info(
    paths: Annotated[
        list[str], typer.Argument(help="Capture files or directories; files of a symbol in time order")
    ],
    json: Annotated[bool, typer.Option("--json", help="JSON on stdout")] = False,
) -> None:
    """Read captures to their end: messages, book events, gaps, trades, final book, grade."""
    with progress("reading") as tick:
        reports, faults = capture_info(paths, lambda n: tick(n, None, f"{n:,} messages"))
    if json:
        print_json({"symbols": reports})
    else:
        table = Table()
        for name in (
            "instrument",
            "grade",
            "messages",
            "gaps",
            "crossed",
            "level updates",
            "trades",
            "best bid",
            "ask",
        ):
            table.add_column(name, justify="left" if name in ("instrument", "grade") else "right")
        for key, r in reports.items():
            best = [side[0][0] if side else "-" for side in (r["bids"], r["asks"])]
            table.add_row(
                key,
                r["grade"],
                f"{r['messages']:,}",
                str(r["gaps"]),
                str(r["crossed"]),
                f"{r['level_updates']:,}",
                f"{r['trades']:,}",
                *best,
            )
        Console().print(table)
    if faults:
        raise DataError("; ".join(faults))
    without = [key for key, r in reports.items() if r["grade"] == "F"]
    if without:
        raise DataError(no_snapshot(without))


def no_snapshot(instruments: list[str]) -> str:
    """The sentence for captures whose book could never be synchronised."""
    return (
        f"no usable book snapshot for {', '.join(instruments)}: the book cannot be known from diffs alone. Put the "
        "file that holds the REST depth snapshot first (files of a symbol in time order), or record again with "
        "a snapshot"
    )
