"""``aurora ledger``: what the durable ledger of orders holds, whether it is whole, and its rows for other programs."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer
from rich.markup import escape
from rich.table import Table

from aurora._core import read_ledger
from aurora.cli.output import print_json, print_rows
from aurora.errors import DataError, LedgerError, UsageError
from aurora.journal import utc, write_atomic

ledger_app = typer.Typer(
    help="Look into the durable ledger of orders; the file is never changed", no_args_is_help=True
)

MONEY = pl.Decimal(38, 8)
SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "sequence": pl.UInt64,
    "local_ns": pl.Int64,
    "utc": pl.String,
    "kind": pl.String,
    "client_id": pl.String,
    "words": pl.String,
    "trace": pl.UInt64,
    "symbol": pl.Int64,
    "leg": pl.String,
    "side": pl.String,
    "order_type": pl.String,
    "price": pl.Int64,
    "trigger": pl.Int64,
    "size": pl.Int64,
    "reduce_only": pl.Boolean,
    "status": pl.String,
    "cumulative": pl.Int64,
    "rejection": pl.String,
    "evidence": pl.String,
    "trade_id": pl.UInt64,
    "last_price": pl.Int64,
    "last_size": pl.Int64,
    "liquidity": pl.String,
    "fee": MONEY,
    "exchange_ns": pl.Int64,
    "stop_distance": pl.Int64,
    "deadline_ns": pl.Int64,
    "amount": MONEY,
}
"""Columns of an export. Prices and sizes are quanta of the symbol; fee and amount are in the settlement currency."""


class RowKind(StrEnum):
    intent = "intent"
    cancel = "cancel"
    report = "report"
    trade = "trade"
    schedule = "schedule"
    cash = "cash"
    correction = "correction"
    operator = "operator"
    day = "day"


File = Annotated[Path, typer.Argument(help="A ledger, such as out/RUN_ID/ledger.redb", metavar="FILE")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on stdout")]


def _read(path: Path) -> tuple[list[dict[str, Any]], Mapping[str, Any]]:
    """Whole rows with their UTC time and money as decimals, and the condition of the file.

    Raises:
        DataError: the file cannot be read, or holds nothing of a ledger.
        LedgerError: another process has it open.
    """
    if not path.is_file():
        raise DataError(f"{path} is no file; name a ledger, such as out/RUN_ID/ledger.redb")
    found, condition = read_ledger(str(path))
    rows = [
        {
            **row,
            "utc": utc(row["local_ns"]),
            "fee": _money(row["fee"]),
            "amount": _money(row["amount"]),
        }
        for row in found
    ]
    return rows, condition


def _money(quanta: int | None) -> Decimal | None:
    return None if quanta is None else Decimal(quanta).scaleb(-8)


def _ranges(missing: Sequence[tuple[int, int]]) -> str:
    return ", ".join(str(first) if first == last else f"{first} to {last}" for first, last in missing)


def _refuse_damage(path: Path, condition: Mapping[str, Any]) -> None:
    """Exit code 1 for a damaged ledger, with what is wrong and what is left.

    Raises:
        LedgerError: where anything is wrong.
    """
    damage = condition["damage"]
    if damage is None:
        return
    text = damage if str(path) in damage else f"{path}: {damage}"
    until = condition["whole_until"]
    whole = f"rows 0 to {until - 1} are whole" if until else "row 0 is missing"
    parts = [text, f"{whole}, {condition['rows']:,} rows in all"]
    if condition["missing"]:
        parts.append(f"missing are {_ranges(condition['missing'])}")
    parts.append("whether there were rows after the last of them, the file cannot tell")
    if condition["searched"]:
        parts.append(
            f"{condition['searched']:,} of them were found by their checksum in the bytes of the file; the last may "
            "never have been acknowledged"
        )
    raise LedgerError("; ".join(parts))


@ledger_app.command()
def show(
    file: File,
    order: Annotated[
        str | None, typer.Option(help="Only this order: its client id, or a unique beginning of it")
    ] = None,
    kind: Annotated[RowKind | None, typer.Option(help="Only rows of this kind")] = None,
    first: Annotated[int, typer.Option("--from", min=0, help="From this sequence on")] = 0,
    limit: Annotated[int | None, typer.Option(min=1, help="So many rows at most")] = None,
    json: AsJson = False,
) -> None:
    """Print rows: sequence, time, kind, order, and what they say. Of a damaged ledger, those that are whole."""
    rows, condition = _read(file)
    chosen = [row for row in rows if row["sequence"] >= first and (kind is None or row["kind"] == kind.value)]
    if order is not None:
        known = {row["client_id"] for row in rows if row["client_id"] and row["client_id"].startswith(order)}
        if len(known) != 1:
            raise UsageError(
                f"{len(known) or 'no'} orders in {file} begin with {order}; give more of one client id"
            )
        chosen = [row for row in chosen if row["client_id"] in known]
    more = 0 if limit is None else max(len(chosen) - limit, 0)
    chosen = chosen[:limit]
    if json:
        print_json(
            {"file": str(file), **condition, "shown": [_json_row(row) for row in chosen], "more": more}
        )
    else:
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
        for name in ("row", "UTC", "kind", "order", "says"):
            table.add_column(name, justify="right" if name == "row" else "left", no_wrap=True)
        for row in chosen:
            words = escape(row["words"])
            table.add_row(str(row["sequence"]), row["utc"], row["kind"], row["client_id"] or "-", words)
        print_rows(table)
        if more:
            print(f"and {more:,} more rows")
    _refuse_damage(file, condition)


def _json_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """What the row has; money as decimal text."""
    return {
        name: str(row[name]) if isinstance(row[name], Decimal) else row[name]
        for name in SCHEMA
        if row[name] is not None
    }


@ledger_app.command()
def verify(file: File, json: AsJson = False) -> None:
    """Read everything and check it; exit code 1 with the first thing that is wrong."""
    _, condition = _read(file)
    if json:
        print_json({"file": str(file), "ok": condition["damage"] is None, **condition})
    elif condition["damage"] is None:
        print(f"{condition['rows']:,} rows, {condition['orders']:,} orders: whole")
    _refuse_damage(file, condition)


def _parquet(table: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.write_parquet(buffer)
    return buffer.getvalue()


WRITERS: dict[str, Callable[[pl.DataFrame], bytes]] = {
    ".parquet": _parquet,
    ".jsonl": lambda table: (
        table.with_columns(pl.col("fee", "amount").cast(pl.String)).write_ndjson().encode()
    ),
    ".csv": lambda table: table.write_csv().encode(),
}


@ledger_app.command()
def export(
    file: File,
    out: Annotated[Path, typer.Option(help="File to write: .parquet, .jsonl or .csv")],
    json: AsJson = False,
) -> None:
    """Write the rows as a table, wholly or not at all. Of a damaged ledger, those that are whole."""
    writer = WRITERS.get(out.suffix)
    if writer is None:
        raise UsageError(f"{out}: name a file that ends in {', '.join(WRITERS)}")
    if out.exists() and out.samefile(file):
        raise UsageError(f"{out} is the ledger itself; name another file")
    rows, condition = _read(file)
    table = pl.DataFrame(rows, schema_overrides=SCHEMA, schema=list(SCHEMA), strict=True)
    write_atomic(out, writer(table))
    if json:
        print_json({"file": str(file), "out": str(out), **condition})
    else:
        print(f"{table.height:,} rows written to {out}")
    _refuse_damage(file, condition)
