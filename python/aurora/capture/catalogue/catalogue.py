"""The catalogue: decoded captures as Parquet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import polars as pl

from aurora._core import Instrument, MarketBlock
from aurora.capture.catalogue.conversion import Conversion, convert
from aurora.capture.catalogue.layout import MARK, manifests, read_manifest
from aurora.capture.catalogue.queries import Time, nanoseconds, run_sql, scan_table, with_floats
from aurora.capture.catalogue.reading import StoredInstrument, read_range, stored_instruments
from aurora.capture.catalogue.verification import Verification, verify
from aurora.capture.settings import CaptureSettings
from aurora.errors import DataError

LISTING = {
    "instrument": pl.String,
    "day": pl.Date,
    "rows": pl.UInt64,
    "levels": pl.UInt64,
    "parts": pl.UInt32,
    "bytes": pl.UInt64,
    "first_ns": pl.Int64,
    "last_ns": pl.Int64,
    "grade": pl.String,
}
"""Columns of :meth:`Catalogue.list`; the grade is that of the conversion the day came from, the worst of several."""


class Catalogue:
    """A directory of decoded captures, partitioned by venue, symbol and UTC day of corrected local time.

    Reading needs nothing but polars; :meth:`sql` needs DuckDB (``pip install aurora[sql]``). Where capture files are
    expected (``aurora replay``, ``aurora data info``, :func:`aurora.stages.compute_features`), the directory of a
    catalogue, or of a venue or symbol in it, may be given instead.
    """

    def __init__(self, root: str | Path):
        self.root = Path(root)

    def convert(
        self,
        paths: Sequence[str | Path],
        settings: CaptureSettings | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> list[Conversion]:
        """Stores captures; makes the catalogue if need be.

        What is there already, from the same files and settings, is left as it is. An instrument's older conversion of
        the same time is replaced when all its files are among those given. Captures of one universe are best
        converted together: they share a clock. A capture that breaks off is stored up to there, and
        ``Conversion.fault`` says why.

        Memory stays flat, and a conversion that is killed leaves only files that nobody reads and that the next one
        removes. ``progress`` is called with the messages read so far.

        Raises:
            DataError: no capture, or the catalogue holds the same time from files that are not given.
            OutputError: the catalogue cannot be written, or another conversion is writing.
        """
        return convert(self.root, paths, settings, progress)

    def list(self) -> pl.DataFrame:
        """One row per instrument and day; see :data:`LISTING`. DataError when there is no catalogue."""
        self._require()
        rows = []
        for manifest in manifests(self.root):
            days: dict[str, dict[str, object]] = {}
            for segment in read_manifest(manifest)[0]:
                key = f"{segment.market}:{segment.symbol}"
                for part in segment.parts:
                    size = sum(f.bytes for f in (part.messages, part.levels, part.book) if f is not None)
                    row = {
                        "instrument": key,
                        "day": part.day,
                        "rows": part.rows,
                        "levels": part.level_rows,
                        "parts": 1,
                        "bytes": size,
                        "first_ns": part.first_ns,
                        "last_ns": part.last_ns,
                        "grade": segment.report["grade"],
                    }
                    days[part.day] = _joined(days[part.day], row) if part.day in days else row
            rows += [days[day] for day in sorted(days)]
        frame = pl.DataFrame(rows, schema={**LISTING, "day": pl.String}).sort("instrument", "day")
        return frame.with_columns(pl.col("day").str.to_date())

    def verify(self, progress: Callable[[int], None] | None = None) -> Verification:
        """Reads everything again: SHA-256, schema, counts, times, books at the beginning of parts, and the counts and
        the digest of the last book against those of the conversion. DataError when there is no catalogue."""
        self._require()
        return verify(self.root, progress)

    def instruments(self) -> dict[str, Instrument]:
        """Instruments by key, as converted."""
        return {stored.key: stored.instrument() for stored in stored_instruments(self.root)}

    def scan(
        self,
        instrument: str | Sequence[str] | None = None,
        start: Time | None = None,
        end: Time | None = None,
    ) -> pl.LazyFrame:
        """Messages with ``start <= local time < end``, one row each, lazily: ``venue, symbol, day`` and
        :data:`MESSAGES`. Rows of an instrument come in time order."""
        self._require()
        return scan_table(self.root, "messages", instrument, start, end)

    def levels(
        self,
        instrument: str | Sequence[str] | None = None,
        start: Time | None = None,
        end: Time | None = None,
        *,
        floats: bool = False,
    ) -> pl.LazyFrame:
        """Levels of those messages, one row each, lazily: ``venue, symbol, day`` and :data:`LEVELS`. Prices and sizes
        are integer quanta; ``floats`` adds ``price_float`` and ``size_float``."""
        self._require()
        frame = scan_table(self.root, "levels", instrument, start, end)
        return with_floats(frame) if floats else frame

    def sql(self, query: str) -> pl.DataFrame:
        """The answer of DuckDB to a query over the views ``messages`` and ``levels``, whose columns are those of
        :meth:`scan` and :meth:`levels`. UsageError when DuckDB is missing or does not take the query."""
        self._require()
        return run_sql(self.root, query)

    def blocks(
        self,
        instrument: str,
        start: Time | None = None,
        end: Time | None = None,
        *,
        carry_book: bool = True,
    ) -> Iterator[MarketBlock]:
        """Events with ``start <= local time < end`` as blocks, the last of which says so.

        A range that begins in mid-stream opens with messages at ``start`` that bring a new book to where it stands,
        flagged 32 (``carry_book=False`` leaves them out).
        """
        return read_range(self._stored(instrument), nanoseconds(start), nanoseconds(end), carry_book)

    def _stored(self, instrument: str) -> StoredInstrument:
        every = {stored.key: stored for stored in stored_instruments(self.root)}
        if instrument not in every:
            raise DataError(f"{self.root}: no {instrument} here; there are {', '.join(every)}")
        return every[instrument]

    def _require(self) -> None:
        if not (self.root / MARK).is_file():
            stored_instruments(self.root)
            raise DataError(f"{self.root}: no catalogue, but a directory within one; give its root")


def _joined(one: dict[str, object], other: dict[str, object]) -> dict[str, object]:
    """Two rows of the listing for one day, in time order."""
    summed = {name: one[name] + other[name] for name in ("rows", "levels", "parts", "bytes")}  # type: ignore[operator]
    grades = max(str(one["grade"]), str(other["grade"]))
    return {**one, **summed, "last_ns": other["last_ns"], "grade": grades}
