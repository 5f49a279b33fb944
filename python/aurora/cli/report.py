"""``aurora report``: the tearsheet of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aurora._core import reason_codes
from aurora.cli.output import print_json
from aurora.journal import Journal
from aurora.report import render_tearsheet


def report(
    run: Annotated[Path, typer.Argument(help="Run directory")],
    out: Annotated[
        Path | None, typer.Option(help="HTML file; RUN/tearsheet.html where nothing is said")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="JSON on stdout")] = False,
) -> None:
    """Write one self-contained HTML page about a run, and check its journal's hash chain."""
    verification = Journal.open(run).verify()
    page = render_tearsheet(run, out, dict(reason_codes()))
    if json:
        print_json({"tearsheet": str(page), "journal_ok": verification.ok})
    else:
        typer.echo(f"{page}\n{verification.text()}")
    if not verification.ok:
        raise typer.Exit(1)
