"""``aurora data convert``, ``list`` and ``verify``: decoded captures as Parquet."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from aurora.capture import Catalogue
from aurora.cli.data import no_snapshot
from aurora.cli.output import print_json, print_rows, progress
from aurora.config import load_settings
from aurora.errors import DataError

Directory = Annotated[Path, typer.Argument(help="Root of a catalogue")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on stdout")]


def convert(
    paths: Annotated[
        list[str], typer.Argument(help="Capture files or directories; files of a symbol in time order")
    ],
    catalogue: Annotated[Path, typer.Option(help="Root of the catalogue; made where there is none")],
    config: Annotated[
        Path | None, typer.Option(help="YAML settings; clock and order filters of its capture section count")
    ] = None,
    json: AsJson = False,
) -> None:
    """Store captures as Parquet, by venue, symbol and day; what is there already stays as it is."""
    settings = load_settings(config).capture
    with progress("converting") as tick:
        answers = Catalogue(catalogue).convert(paths, settings, lambda n: tick(n, None, f"{n:,} messages"))
    if json:
        print_json(
            {"catalogue": str(catalogue), "instruments": [dataclasses.asdict(answer) for answer in answers]}
        )
    else:
        table = Table()
        for name in ("instrument", "what", "grade", "days", "messages", "levels", "MB"):
            table.add_column(name, justify="left" if name in ("instrument", "what", "grade") else "right")
        for a in answers:
            counts = (f"{len(a.days)}", f"{a.rows:,}", f"{a.levels:,}", f"{a.bytes / 1e6:,.1f}")
            table.add_row(a.instrument, a.status, a.grade, *counts)
        print_rows(table)
    faults = list(dict.fromkeys(answer.fault for answer in answers if answer.fault is not None))
    if faults:
        raise DataError("; ".join(faults) + f"; what came before is in {catalogue}")
    without = [answer.instrument for answer in answers if answer.grade == "F"]
    if without:
        raise DataError(no_snapshot(without))


def list_days(catalogue: Directory, json: AsJson = False) -> None:
    """What a catalogue holds, by instrument and day."""
    listing = Catalogue(catalogue).list()
    if json:
        print_json({"days": [{**row, "day": row["day"].isoformat()} for row in listing.to_dicts()]})
        return
    table = Table()
    for name in ("instrument", "day", "grade", "messages", "levels", "parts", "MB"):
        table.add_column(name, justify="left" if name in ("instrument", "day", "grade") else "right")
    for row in listing.to_dicts():
        counts = (f"{row['rows']:,}", f"{row['levels']:,}", str(row["parts"]), f"{row['bytes'] / 1e6:,.1f}")
        table.add_row(row["instrument"], str(row["day"]), row["grade"], *counts)
    print_rows(table)


def verify(catalogue: Directory, json: AsJson = False) -> None:
    """Read a catalogue again and hold it against what was recorded; exit code 3 where something is damaged."""
    with progress("verifying") as tick:
        found = Catalogue(catalogue).verify(lambda n: tick(n, None, f"{n:,} messages"))
    if json:
        print_json({"ok": found.ok, **dataclasses.asdict(found)})
    elif found.ok:
        print(
            f"{found.instruments} instruments, {found.parts} parts, {found.rows:,} messages, {found.levels:,} levels, "
            f"{found.bytes / 1e6:,.1f} MB: all as recorded"
        )
    if not found.ok:
        raise DataError("\n".join(found.damages))
