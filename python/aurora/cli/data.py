"""``aurora data``: what captures hold, and what they are worth."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from aurora.capture import CrossCheck, capture_info, cross_check
from aurora.cli.export import export
from aurora.cli.output import print_json, print_rows, progress
from aurora.errors import DataError

data_app = typer.Typer(help="Look at captured market data, and keep it as Parquet.", no_args_is_help=True)

Paths = Annotated[
    list[str],
    typer.Argument(help="Capture files, directories of them (files of a symbol in time order) or catalogues"),
]
SkipBadLines = Annotated[
    bool,
    typer.Option(
        "--skip-bad-lines", help="Count and pass over records that cannot be read; they end it else"
    ),
]
Unsynchronised = Annotated[
    bool, typer.Option("--unsynchronised", help="Read books without waiting for a snapshot")
]
Market = Annotated[
    str | None,
    typer.Option(help="Market of raw frames that do not name theirs, such as bybit_spot"),
]
Json = Annotated[bool, typer.Option("--json", help="JSON on stdout")]


class Grade(StrEnum):
    A = "A"
    B = "B"
    C = "C"
    D = "D"
    F = "F"


@data_app.callback()
def _data() -> None:
    pass


data_app.command()(export)


@data_app.command()
def info(
    paths: Paths,
    skip_bad_lines: SkipBadLines = False,
    unsynchronised: Unsynchronised = False,
    market: Market = None,
    json: Json = False,
) -> None:
    """Read captures to their end: messages, book events, gaps, trades, final book, grade."""
    with progress("reading") as tick:
        reports, faults = capture_info(
            paths,
            lambda n: tick(n, None, f"{n:,} messages"),
            skip_bad_lines=skip_bad_lines,
            unsynchronised=unsynchronised,
            market=market,
        )
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
        print_rows(table)
        print_sentences({key: r["quality"] for key, r in reports.items()})
        print_assumptions(reports)
    if faults:
        raise DataError("; ".join(faults))
    without = [key for key, r in reports.items() if r["grade"] == "F"]
    if without:
        raise DataError(no_snapshot(without))


@data_app.command()
def check(
    paths: Paths,
    against: Annotated[
        list[str] | None,
        typer.Option(help="Another source of the same market (repeat it for several files): cross-checked"),
    ] = None,
    minimum: Annotated[Grade, typer.Option(help="Grade that every instrument must have at least")] = Grade.C,
    within_bps: Annotated[
        float, typer.Option(min=0.0, help="Mids of two sources may differ by this, basis points")
    ] = 1.0,
    skip_bad_lines: SkipBadLines = False,
    unsynchronised: Unsynchronised = False,
    market: Market = None,
    json: Json = False,
) -> None:
    """Grade captures and say why; exit code 3 below the minimum, at a fault, or where two sources contradict."""
    with progress("reading") as tick:
        reports, faults = capture_info(
            paths,
            lambda n: tick(n, None, f"{n:,} messages"),
            skip_bad_lines=skip_bad_lines,
            unsynchronised=unsynchronised,
            market=market,
        )
    quality = {key: report["quality"] for key, report in reports.items()}
    checks: list[CrossCheck] = []
    if against and not faults:
        checks = cross_check(
            paths,
            against,
            within_bps=within_bps,
            skip_bad_lines=skip_bad_lines,
            unsynchronised=unsynchronised,
            market=market,
        )
    if json:
        print_json(
            {
                "minimum": minimum.value,
                "symbols": quality,
                "cross_checks": [check.to_dict() for check in checks],
                "faults": faults,
            }
        )
    else:
        print_quality(quality)
        print_sentences(quality)
        print_assumptions(reports)
        if checks:
            print_cross_checks(checks)
    refuse(quality, minimum, checks, faults)


def refuse(
    quality: dict[str, dict[str, Any]], minimum: Grade, checks: list[CrossCheck], faults: list[str]
) -> None:
    """Exit code 3 where anything fails, with every reason at once.

    Raises:
        DataError: a fault, a grade below the minimum, or two sources of one instrument that contradict each other.
    """
    failed = list(faults)
    for key, report in quality.items():
        if report["grade"] > minimum.value:
            why = "; ".join(report["reasons"])
            failed.append(f"{key} has grade {report['grade']}, below {minimum.value}: {why}")
    for check in checks:
        if check.disagreements:
            failed.append(f"{check.first} in two sources: {'; '.join(check.disagreements)}")
    if failed:
        raise DataError("; ".join(failed))


def print_quality(quality: dict[str, dict[str, Any]]) -> None:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for name in ("instrument", "grade"):
        table.add_column(name, no_wrap=True)
    for name in ("gaps", "stale", "late", "cross", "offset ms", "ppm", "prints"):
        table.add_column(name, justify="right", no_wrap=True)
    for key, q in quality.items():
        table.add_row(
            key,
            q["grade"],
            f"{q['gaps']:,}",
            f"{q['stale_share']:.1%}",
            f"{q['late']:,}",
            f"{q['crossed']:,}",
            "-" if q["clock_offset_ms"] is None else f"{q['clock_offset_ms']:,.1f}",
            "-" if q["clock_drift_ppm"] is None else f"{q['clock_drift_ppm']:,.1f}",
            f"{q['unconfirmed_prints']:,}",
        )
    print_rows(table)


def print_sentences(quality: dict[str, dict[str, Any]]) -> None:
    """Why each grade is what it is, and what else to know."""
    console = Console()
    for key, report in quality.items():
        if report["reasons"]:
            console.print(
                f"{key}: {report['grade']} because {escape('; '.join(report['reasons']))}", highlight=False
            )
        if report["remarks"]:
            console.print(f"{key}: {escape('; '.join(report['remarks']))}", highlight=False)


def print_assumptions(reports: dict[str, dict[str, Any]]) -> None:
    """Which instruments' markets were taken for what is usual."""
    assumed = [key for key, report in reports.items() if report.get("market_assumed")]
    if assumed:
        console = Console()
        console.print(
            f"{', '.join(assumed)}: no trade among the first frames tells spot from contracts, so they are taken for "
            "contracts; say --market bybit_spot (capture.market in settings) where that is wrong",
            highlight=False,
        )


def print_cross_checks(checks: list[CrossCheck]) -> None:
    console = Console()
    for check in checks:
        verdict = {True: "agree", False: "CONTRADICT", None: "nothing to compare"}[check.agrees]
        if not check.same_instrument:
            verdict = "two markets"
        console.print(f"{check.first} against {check.second}: {verdict}", highlight=False)
        for sentence in check.sentences:
            console.print(f"  {escape(sentence)}", highlight=False)


def no_snapshot(instruments: list[str]) -> str:
    """The sentence for captures whose book could never be synchronised."""
    return (
        f"no usable book snapshot for {', '.join(instruments)}: the book cannot be known from diffs alone. Put the "
        "file that holds the REST depth snapshot first (files of a symbol in time order), or record again with "
        "a snapshot"
    )
