"""``aurora features``: what can be computed, features and bars computed to a file, and fits."""

from __future__ import annotations

import json as jsonlib
import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import polars as pl
import typer
from rich.console import Console
from rich.table import Table

from aurora.cli.data import Market, SkipBadLines, Unsynchronised
from aurora.cli.output import print_json, print_table, progress
from aurora.errors import OutputError, UsageError
from aurora.features import CATALOGUE, FeatureSettings, intraday, user_features
from aurora.stages import compute_bars, compute_features, fit_feature, whole_reading

features_app = typer.Typer(help="Features of order books and trades.", no_args_is_help=True)

Paths = Annotated[
    list[str], typer.Argument(help="Capture files or directories; files of a symbol in time order")
]


class Fittable(StrEnum):
    microprice = "microprice"
    integrated_ofi = "integrated_ofi"


@features_app.callback()
def _features() -> None:
    pass


@features_app.command("list")
def list_features(json: Annotated[bool, typer.Option("--json", help="JSON on stdout")] = False) -> None:
    """All features with their units and definitions, users' own included."""
    own = sorted(user_features())
    if json:
        rows = [
            {"name": i.name, "unit": i.unit, "group": i.group, "fixed": i.fixed, "about": i.about}
            for i in CATALOGUE.values()
        ]
        print_json({"features": rows, "own": own})
        return
    table = Table("feature", "unit", "group", "definition")
    for info in CATALOGUE.values():
        table.add_row(info.name, info.unit, info.group, info.about)
    for name in own:
        table.add_row(name, "", "own", "offered by an installed package")
    Console().print(table)


def _write(target: Path, content: bytes) -> None:
    """The whole file or nothing."""
    half = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        half.write_bytes(content)
        half.replace(target)
    except OSError as error:
        half.unlink(missing_ok=True)
        raise OutputError(f"{target}: {error.strerror or error}; choose another --out") from error


def _check_table(out: Path) -> None:
    if out.suffix not in (".parquet", ".csv", ".ndjson"):
        raise UsageError(f"{out}: the file's ending says what is written: .parquet, .csv or .ndjson")


def _write_table(out: Path, frame: pl.DataFrame) -> None:
    """The whole table or nothing."""
    half = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        if out.suffix == ".parquet":
            frame.write_parquet(half)
        elif out.suffix == ".csv":
            frame.write_csv(half)
        else:
            frame.write_ndjson(half)
        half.replace(out)
    except OSError as error:
        half.unlink(missing_ok=True)
        raise OutputError(f"{out}: {error.strerror or error}; choose another --out") from error


@features_app.command()
def compute(
    paths: Paths,
    out: Annotated[Path, typer.Option("--out", help="Table to write: .parquet, .csv or .ndjson")],
    features: Annotated[
        str | None,
        typer.Option("--features", help="Names, comma-separated; all fixed columns where not given"),
    ] = None,
    every: Annotated[str, typer.Option("--every", help="50ms, 1s, 1m, touch or trade")] = "50ms",
    reasons: Annotated[bool, typer.Option("--reasons", help="Say beside each value why it is null")] = False,
    skip_bad_lines: SkipBadLines = False,
    unsynchronised: Unsynchronised = False,
    market: Market = None,
    json: Annotated[bool, typer.Option("--json", help="JSON on stdout")] = False,
) -> None:
    """Features of captures as a table in a file."""
    _check_table(out)
    names = None if features is None else [name.strip() for name in features.split(",") if name.strip()]
    reading = whole_reading(skip_bad_lines=skip_bad_lines, unsynchronised=unsynchronised, market=market)
    with progress("computing"):
        frame = compute_features(paths, names, FeatureSettings(), reading, every=every, reasons=reasons)
    _write_table(out, frame)
    facts = {
        "out": str(out),
        "rows": frame.height,
        "columns": frame.columns,
        "instruments": frame["instrument"].unique().sort().to_list(),
        "first_ns": frame["local_ns"][0],
        "last_ns": frame["local_ns"][-1],
    }
    if json:
        print_json(facts)
    else:
        print_table("features", {**facts, "columns": ", ".join(frame.columns)})


@features_app.command()
def bars(
    paths: Paths,
    out: Annotated[Path, typer.Option("--out", help="Table to write: .parquet, .csv or .ndjson")],
    every: Annotated[
        str | None, typer.Option("--every", help="Time bars: 1m, 15m, 1h, 1d; 1m where no rule is given")
    ] = None,
    volume: Annotated[
        str | None,
        typer.Option("--volume", help="Bars of this size, in base currency (contracts where inverse)"),
    ] = None,
    dollar: Annotated[
        str | None, typer.Option("--dollar", help="Bars of this notional, in quote currency")
    ] = None,
    with_intraday: Annotated[
        bool, typer.Option("--intraday", help="Complete time bars with their features within the day")
    ] = False,
    skip_bad_lines: SkipBadLines = False,
    market: Market = None,
    json: Annotated[bool, typer.Option("--json", help="JSON on stdout")] = False,
) -> None:
    """Bars of trades, by time, volume or notional, as a table in a file."""
    _check_table(out)
    if with_intraday and (volume is not None or dollar is not None):
        raise UsageError("features within the day are of time bars; give --every, not --volume or --dollar")
    reading = whole_reading(skip_bad_lines=skip_bad_lines, market=market)
    with progress("building bars"):
        frame = compute_bars(paths, every, volume=volume, dollar=dollar, capture=reading)
        if with_intraday:
            keys = ["instrument", "start_ns"]
            added = intraday(frame).drop("end_ns", "known_ns", "close")
            frame = frame.join(added, on=keys, how="inner", maintain_order="left")
    _write_table(out, frame)
    facts = {
        "out": str(out),
        "rows": frame.height,
        "columns": frame.columns,
        "instruments": frame["instrument"].unique().sort().to_list(),
        "trades": int(frame["trades"].sum()),
        "complete": int(frame["complete"].sum()),
        "filled": int(frame["filled"].sum()),
        "first_ns": frame["start_ns"].min(),
        "last_ns": frame["end_ns"].max(),
    }
    if json:
        print_json(facts)
    else:
        print_table("bars", {**facts, "columns": ", ".join(frame.columns)})


@features_app.command()
def fit(
    kind: Annotated[Fittable, typer.Argument(help="What to fit")],
    paths: Paths,
    out: Annotated[Path, typer.Option("--out", help="JSON file to write; name it in the feature settings")],
    instrument: Annotated[
        str | None, typer.Option("--instrument", help="Key, where the captures hold several")
    ] = None,
    imbalance_buckets: Annotated[int, typer.Option(min=3, max=99, help="Odd")] = 9,
    spread_buckets: Annotated[int, typer.Option(min=1, max=10)] = 2,
    sample_ms: Annotated[int, typer.Option(min=1, help="Grid of the level flows")] = 100,
    minimum: Annotated[
        int | None, typer.Option(min=1, help="Visits of a state (50) or rows (100) that are asked for")
    ] = None,
    skip_bad_lines: SkipBadLines = False,
    unsynchronised: Unsynchronised = False,
    market: Market = None,
    json: Annotated[bool, typer.Option("--json", help="JSON on stdout")] = False,
) -> None:
    """Fit the microprice table or the weights of the integrated order flow."""
    reading = whole_reading(skip_bad_lines=skip_bad_lines, unsynchronised=unsynchronised, market=market)
    with progress("fitting") as tick:
        facts = fit_feature(
            kind.value,
            paths,
            imbalance_buckets=imbalance_buckets,
            spread_buckets=spread_buckets,
            sample_ms=sample_ms,
            minimum=minimum,
            instrument=instrument,
            capture=reading,
            progress=lambda n: tick(n, None, f"{n:,} messages"),
        )
    _write(out, (jsonlib.dumps(facts, indent=1) + "\n").encode())
    if json:
        print_json({"out": str(out), **facts})
    else:
        shown = {name: value for name, value in facts.items() if name != "fitted"}
        print_table(f"fitted {kind.value}", {"out": out, **shown})
