"""``aurora data export``: captures in formats of others."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from aurora.capture import write_hftbacktest
from aurora.cli.output import print_json, print_table, progress
from aurora.errors import DataError


class ExportFormat(StrEnum):
    hftbacktest = "hftbacktest"


def export(
    paths: Annotated[
        list[str], typer.Argument(help="Capture files or directories; files of a symbol in time order")
    ],
    to: Annotated[ExportFormat, typer.Option(help="Format to write")],
    out: Annotated[Path, typer.Option(help="File to write, e.g. btcusdt_20240808.npz")],
    instrument: Annotated[
        str | None, typer.Option(help="Which instrument, where the captures hold several")
    ] = None,
    tickers: Annotated[bool, typer.Option("--tickers", help="Best bids and asks too")] = False,
    base_latency_ms: Annotated[
        float, typer.Option(min=0, help="Added to latencies where clocks had to be corrected")
    ] = 0.0,
    json: Annotated[bool, typer.Option("--json", help="JSON on stdout")] = False,
) -> None:
    """Write one instrument of captures as an event array that hftbacktest reads."""
    with progress("exporting") as tick:
        export = write_hftbacktest(
            paths,
            out,
            instrument=instrument,
            tickers=tickers,
            base_latency_ms=base_latency_ms,
            progress=lambda n, total: tick(
                n, total, f"{n:,} events {'read' if total is None else 'written'}"
            ),
        )
    told = {**asdict(export), "path": str(export.path)}
    if json:
        print_json(told)
    else:
        print_table(
            f"exported to {to.value}",
            {
                "file": told["path"],
                "instrument": export.instrument,
                "events": f"{export.rows:,} of {export.messages:,} messages",
                "snapshots": f"{export.snapshots:,}",
                "trades": f"{export.trades:,}",
                "tick and lot size": f"{export.tick_size}, {export.lot_size}",
                "receive times moved on by": f"{export.shift_ns / 1e6:,.3f} ms",
            },
        )
    if export.fault is not None:
        raise DataError(f"{export.fault}; what came before is in {export.path}")
