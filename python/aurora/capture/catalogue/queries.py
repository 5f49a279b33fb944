"""A catalogue as tables: lazily by polars, by SQL through DuckDB."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from aurora.capture.catalogue.layout import Part, StoredFile, day_directory, manifests, read_manifest
from aurora.capture.catalogue.tables import LEVELS, MESSAGES
from aurora.errors import DataError, UsageError

Time = int | datetime
"""Nanoseconds since 1970, or a datetime with its time zone."""

PLACE = {"venue": pl.String, "symbol": pl.String, "day": pl.Date}
"""The columns that the directories give."""
_SQL_TYPES = {
    pl.String: "VARCHAR",
    pl.Date: "DATE",
    pl.Int64: "BIGINT",
    pl.UInt8: "UTINYINT",
    pl.UInt32: "UINTEGER",
    pl.UInt64: "UBIGINT",
}


def nanoseconds(time: Time | None) -> int | None:
    """Nanoseconds since 1970. UsageError for a datetime without time zone."""
    if not isinstance(time, datetime):
        return time
    if time.tzinfo is None:
        raise UsageError(f"{time}: give a datetime with its time zone, or nanoseconds")
    return (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1_000


def _files(
    root: Path, table: str, wanted: Sequence[str] | None, start_ns: int | None, end_ns: int | None
) -> list[Path]:
    """Files of a table that may hold rows of the instruments and times asked for."""
    found = []
    known = []
    for manifest in manifests(root):
        for segment in read_manifest(manifest)[0]:
            key = f"{segment.market}:{segment.symbol}"
            known.append(key)
            if wanted is not None and key not in wanted:
                continue
            for part in segment.parts:
                if (start_ns is None or part.last_ns >= start_ns) and (
                    end_ns is None or part.first_ns < end_ns
                ):
                    path = day_directory(manifest.parent, part.day) / _file(part, table).name
                    if not path.is_file():
                        raise DataError(f"{path}: missing, its manifest names it; convert the captures again")
                    found.append(path)
    unknown = sorted(set(wanted or ()) - set(known))
    if unknown:
        raise DataError(f"{root}: no {', '.join(unknown)} here; there are {', '.join(sorted(set(known)))}")
    return found


def _file(part: Part, table: str) -> StoredFile:
    return part.messages if table == "messages" else part.levels


def scan_table(
    root: Path,
    table: str,
    instrument: str | Sequence[str] | None,
    start: Time | None,
    end: Time | None,
) -> pl.LazyFrame:
    """Rows of a table within ``[start, end)`` of local time; files out of question are not opened."""
    columns = MESSAGES if table == "messages" else LEVELS
    wanted = [instrument] if isinstance(instrument, str) else instrument
    start_ns, end_ns = nanoseconds(start), nanoseconds(end)
    files = _files(root, table, wanted, start_ns, end_ns)
    if not files:
        return pl.LazyFrame(schema={**PLACE, **columns})
    # Directories above the catalogue may look like partitions too; polars wants to know them.
    above = {name.split("=", 1)[0]: pl.String for name in files[0].parts if "=" in name}
    frame = pl.scan_parquet(files, glob=False, hive_partitioning=True, hive_schema={**above, **PLACE})
    frame = frame.select(*PLACE, *columns)
    if start_ns is not None:
        frame = frame.filter(pl.col("local_ns") >= start_ns)
    if end_ns is not None:
        frame = frame.filter(pl.col("local_ns") < end_ns)
    return frame


def with_floats(levels: pl.LazyFrame) -> pl.LazyFrame:
    """Adds ``price_float`` and ``size_float``, for statistics."""
    return levels.with_columns(
        price_float=pl.col("price") / pl.lit(10.0).pow(pl.col("price_exponent")),
        size_float=pl.col("size") / pl.lit(10.0).pow(pl.col("size_exponent")),
    )


def run_sql(root: Path, query: str) -> pl.DataFrame:
    """The answer of DuckDB to a query over the views ``messages`` and ``levels``.

    Raises:
        UsageError: DuckDB is not installed, or does not take the query.
    """
    try:
        import duckdb
    except ImportError as error:
        raise UsageError("SQL over a catalogue needs DuckDB: pip install aurora[sql]") from error
    connection: Any = duckdb.connect(":memory:")
    try:
        for table, columns in (("messages", MESSAGES), ("levels", LEVELS)):
            _create_view(connection, table, columns, _files(root, table, None, None, None))
        return pl.DataFrame(connection.sql(query))
    except duckdb.Error as error:
        raise UsageError(f"DuckDB: {error}") from error
    finally:
        connection.close()


def _create_view(connection: Any, table: str, columns: dict[str, Any], files: Sequence[Path]) -> None:
    every: dict[str, Any] = {**PLACE, **columns}
    if not files:
        typed = ", ".join(f"NULL::{_SQL_TYPES[kind]} AS {name}" for name, kind in every.items())
        connection.execute(f"CREATE VIEW {table} AS SELECT {typed} WHERE false")
        return
    quoted = ", ".join("'" + str(path).replace("'", "''") + "'" for path in files)
    places = ", ".join(f"{name}: {_SQL_TYPES[kind]}" for name, kind in PLACE.items())
    connection.execute(
        f"CREATE VIEW {table} AS SELECT {', '.join(every)} FROM read_parquet([{quoted}], hive_partitioning = true, "
        f"hive_types = {{{places}}})"
    )
