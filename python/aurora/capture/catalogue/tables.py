"""The two tables of a part, as Parquet and as blocks.

A message of a busy book carries dozens of levels. Levels are rows of a table of their own instead of lists in the
messages' rows: plain columns are read several times faster than nested ones, which is what replays wait for, and can
be filtered by price or side. What a question about levels asks for most (local time, kind, flags, exponents) is
repeated there and costs almost nothing, being constant over long runs.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from aurora._core import Instrument, MarketBlock
from aurora.capture.catalogue.layout import Part, Segment, Source, StoredFile, day_directory, write_atomic
from aurora.errors import DataError

MESSAGE_KINDS = ("diff", "snapshot", "ticker", "trade")
"""Names of the column ``kind``."""
MESSAGES = {
    "local_ns": pl.Int64,
    "exchange_ns": pl.Int64,
    "kind": pl.UInt8,
    "flags": pl.UInt8,
    "first_id": pl.UInt64,
    "last_id": pl.UInt64,
    "previous_id": pl.UInt64,
    "bids": pl.UInt32,
    "levels": pl.UInt32,
}
"""One row per message: receive time corrected by the frozen clock offset, exchange time, ids as the venue sends them,
``levels`` rows in the other table of which the first ``bids`` are bids. Flags: 1 exchange time estimated, 2 the buyer
was the maker, 4 no market trade, 8 receive time held, 16 aggressor unknown."""
LEVELS = {
    "local_ns": pl.Int64,
    "kind": pl.UInt8,
    "flags": pl.UInt8,
    "side": pl.UInt8,
    "price_exponent": pl.UInt8,
    "size_exponent": pl.UInt8,
    "price": pl.Int64,
    "size": pl.Int64,
}
"""One row per level, in the order of the messages: side 0 bid, 1 ask (a trade is one bid row, its aggressor is in the
flags); a price is ``price`` times 10 to the power of minus ``price_exponent``, a size likewise."""
ROW_GROUP = 131_072
"""Rows between two places where reading by time can begin."""


def _parquet(table: str, frame: pl.DataFrame, facts: str) -> bytes:
    buffer = io.BytesIO()
    metadata = {"aurora.table": table, "aurora.facts": facts}
    frame.write_parquet(buffer, compression="zstd", row_group_size=ROW_GROUP, metadata=metadata)
    return buffer.getvalue()


def _store(directory: Path, table: str, content: bytes) -> StoredFile:
    digest = hashlib.sha256(content).hexdigest()
    name = f"{table}-{digest[:16]}.parquet"
    write_atomic(directory / name, content)
    return StoredFile(name, digest, len(content))


def describe(instrument: Instrument, clock_offset_ns: int, sources: Sequence[Source], schema: int) -> str:
    """What it takes to understand a Parquet file alone, as JSON for its key-value metadata."""
    return json.dumps(
        {
            "schema": schema,
            "instrument": instrument.key,
            "price_exponent": instrument.price_exponent,
            "size_exponent": instrument.size_exponent,
            "tick": instrument.tick,
            "lot": instrument.lot,
            "min_notional_e8": instrument.min_notional,
            "clock_offset_ns": clock_offset_ns,
            "kinds": MESSAGE_KINDS,
            "sources": [{"name": source.name, "sha256": source.sha256} for source in sources],
        }
    )


def split(frame: pl.DataFrame, instrument: Instrument) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The tables of exported blocks (one row per message, levels as lists)."""
    frame = frame.with_columns(levels=pl.col("price").list.len())
    flat = (
        # An empty list would become a row of nulls.
        frame.filter(pl.col("levels") > 0)
        .select(
            "local_ns", "kind", "flags", "bids", "price", "size", place=pl.int_ranges(0, pl.col("levels"))
        )
        .explode("price", "size", "place")
        .with_columns(
            side=(pl.col("place") >= pl.col("bids")).cast(pl.UInt8),
            price_exponent=pl.lit(instrument.price_exponent, pl.UInt8),
            size_exponent=pl.lit(instrument.size_exponent, pl.UInt8),
        )
    )
    return frame.select(*MESSAGES), flat.select(*LEVELS)


def write_part(
    directory: Path,
    day: str,
    frame: pl.DataFrame,
    book: MarketBlock | None,
    instrument: Instrument,
    facts: str,
) -> Part:
    """Stores a part, durably; nobody sees it before a manifest names it. OutputError if refused."""
    messages, levels = split(frame, instrument)
    where = day_directory(directory, day)
    return Part(
        day=day,
        messages=_store(where, "messages", _parquet("messages", messages, facts)),
        levels=_store(where, "levels", _parquet("levels", levels, facts)),
        book=None if book is None else _store(where, "book", _parquet("book", pl.DataFrame(book), facts)),
        rows=messages.height,
        level_rows=levels.height,
        first_ns=messages["local_ns"][0],
        last_ns=messages["local_ns"][-1],
    )


def read_parquet(path: Path, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """A file of a part. DataError when it is missing, damaged, or lacks a column."""
    try:
        return pl.read_parquet(
            path, columns=None if columns is None else list(columns), glob=False, hive_partitioning=False
        )
    except FileNotFoundError as error:
        raise DataError(f"{path}: missing, its manifest names it; convert the captures again") from error
    except (OSError, pl.exceptions.PolarsError) as error:
        cause = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path}: damaged ({cause}); convert the captures again") from error


def read_part(directory: Path, part: Part) -> MarketBlock:
    """The messages of a part as one block.

    Raises:
        DataError: a file is missing or damaged, or the part holds something else than its manifest says.
    """
    where = day_directory(directory, part.day)
    messages = read_parquet(where / part.messages.name, list(MESSAGES))
    levels = read_parquet(where / part.levels.name, ("price", "size"))
    try:
        block = MarketBlock.from_arrow(messages, levels=levels, end_ns=part.last_ns + 1)
    except DataError as error:
        raise DataError(f"{where / part.messages.name}: {error}") from error
    found = (len(block), block.level_count, block.first_event_ns, block.last_event_ns)
    if found != (part.rows, part.level_rows, part.first_ns, part.last_ns):
        raise DataError(
            f"{where / part.messages.name}: rows, levels, first and last time are {found}, its manifest says "
            f"{(part.rows, part.level_rows, part.first_ns, part.last_ns)}; convert the captures again"
        )
    return block


def read_book(directory: Path, part: Part) -> MarketBlock | None:
    """Messages that bring a new book to where it stood before the part; None where it was not synchronised."""
    if part.book is None:
        return None
    path = day_directory(directory, part.day) / part.book.name
    try:
        return MarketBlock.from_arrow(read_parquet(path), end_ns=part.first_ns + 1)
    except DataError as error:
        raise DataError(error.args[0] if str(path) in str(error) else f"{path}: {error}") from error


def instrument_of(segment: Segment) -> Instrument:
    return Instrument(
        segment.market,
        segment.symbol,
        price_exponent=segment.price_exponent,
        size_exponent=segment.size_exponent,
        tick=segment.tick,
        lot=segment.lot,
        min_notional=segment.min_notional,
    )
