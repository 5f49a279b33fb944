"""``aurora replay``: captured data through the whole walk."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from aurora.cli.data import no_snapshot
from aurora.cli.output import print_json, print_table, progress
from aurora.cli.run import ReplayOptions, run_replay
from aurora.errors import DataError


class Runner(StrEnum):
    inline = "inline"
    bytewax = "bytewax"


def replay(
    paths: Annotated[
        list[str],
        typer.Argument(
            help="Capture files, directories of them (files of a symbol in time order) or catalogues"
        ),
    ],
    config: Annotated[Path | None, typer.Option(help="YAML settings; defaults where nothing is said")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Directory of the run; out/RUN_ID where nothing is said")
    ] = None,
    runner: Annotated[Runner, typer.Option(help="A plain loop, or Bytewax")] = Runner.inline,
    processes: Annotated[int, typer.Option(min=1, help="Bytewax processes")] = 1,
    recovery: Annotated[Path | None, typer.Option(help="Keep checkpoints here")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint")] = False,
    slice_ms: Annotated[
        int | None, typer.Option(min=0, help="Width of a slice; 0: the whole input at once")
    ] = None,
    seed: Annotated[int, typer.Option(help="Enters the ids of decisions")] = 0,
    abort_after_events: Annotated[
        int | None, typer.Option(min=1, help="Fail like a crash after so many events (tests of recovery)")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="JSON on stdout")] = False,
) -> None:
    """Replay captures: book, features, engines, signals, desk, simulated venue, journal."""
    options = ReplayOptions(
        paths=paths,
        config=config,
        out=out,
        runner=runner.value,
        processes=processes,
        recovery=recovery,
        resume=resume,
        slice_ms=slice_ms,
        seed=seed,
        abort_after_events=abort_after_events,
    )
    with progress("replaying") as tick:
        summary = run_replay(options, lambda stream, n: tick(n, None, f"{n:,} slices of {stream}"))
    if json:
        print_json(summary)
    else:
        print_summary(summary)
    refuse_unusable(summary)


def print_summary(summary: dict[str, Any]) -> None:
    """The run as two tables: figures, and decisions by reason."""
    pnl = summary["pnl"]
    print_table(
        "replay stopped early" if summary["stopped"] else "replay",
        {
            "run": summary["run_id"],
            "data grade": summary["data_grade"],
            "events": f"{summary['events']:,} in {summary['wall_s']:.2f} s ({summary['events_per_s']:,.0f}/s)",
            "signals": f"{summary['signals']:,}",
            "orders / fills": f"{summary['orders']:,} / {summary['fills']:,}",
            "net P&L": "not known yet"
            if pnl["net"] is None
            else f"{pnl['net']:,.2f} (gross {pnl['gross']:,.2f}, fees {pnl['fees']:,.2f})",
            "decisions digest": summary["decisions_digest"],
            "records": summary["out"],
        },
    )
    print_table("decisions by reason", summary["reasons"] or {"(none)": "no engine voted"})
    if summary.get("abstained"):
        print_table("samples without a vote", summary["abstained"])


def refuse_unusable(summary: dict[str, Any]) -> None:
    """Exit code 3 for faults in the data and for books that never were synchronised; records are kept.

    Raises:
        DataError: with every fault, or the instruments without a snapshot.
    """
    kept = f"; what came before is in {summary['out']}"
    if summary["faults"]:
        raise DataError("; ".join(summary["faults"]) + kept)
    without = [key for key, q in summary.get("data_quality", {}).items() if q["grade"] == "F"]
    if without:
        raise DataError(no_snapshot(without))
