"""What an engine is, and what it is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
import polars as pl

from aurora.errors import UsageError
from aurora.messages import FloatColumn, IntColumn, Votes


@dataclass(frozen=True, slots=True)
class Observations:
    """Rows of a slow series of one instrument: bars and their features, funding, basis, sentiment and the like.

    A row may be used from ``known_ns`` on, never earlier. Rows are sorted by it.
    """

    known_ns: IntColumn
    """From when on a row is known, local time; not before ``end_ns``."""
    start_ns: IntColumn
    end_ns: IntColumn
    """The time a row tells of, start to end; of a value at a moment both are that moment."""
    columns: Mapping[str, FloatColumn]
    """By name; NaN where undefined."""

    def between(self, after_ns: int, until_ns: int) -> Observations:
        """The rows that became known after the one and up to the other time."""
        begin, end = np.searchsorted(self.known_ns, (after_ns, until_ns), side="right")
        part = slice(int(begin), int(end))
        columns = {name: column[part] for name, column in self.columns.items()}
        return Observations(self.known_ns[part], self.start_ns[part], self.end_ns[part], columns)


def observations(frame: pl.DataFrame) -> dict[str, Observations]:
    """A frame's rows by instrument, as engines take them.

    Args:
        frame: columns ``instrument`` and ``known_ns`` (rows without it are left out), ``end_ns`` (``known_ns`` where
            absent) and ``start_ns`` (the end where absent), any numeric ones. `aurora.features.intraday` and `daily`
            give such frames.

    Raises:
        UsageError: a column is missing.
    """
    for name in ("instrument", "known_ns"):
        if name not in frame.columns:
            raise UsageError(f"a series needs the column {name!r}; there are {', '.join(frame.columns)}")
    known = frame.filter(pl.col("known_ns").is_not_null())
    end = "end_ns" if "end_ns" in frame.columns else "known_ns"
    start = "start_ns" if "start_ns" in frame.columns else end
    times = [
        pl.col(source).cast(pl.Int64).alias(name)
        for name, source in (("known_ns", "known_ns"), ("start_ns", start), ("end_ns", end))
    ]
    values = [
        name
        for name, kind in frame.schema.items()
        if kind.is_numeric() and name not in ("known_ns", "start_ns", "end_ns")
    ]
    floats = [pl.col(name).cast(pl.Float64).fill_null(float("nan")) for name in values]
    rows = known.select("instrument", *times, *floats).sort("known_ns", "end_ns", maintain_order=True)
    return {
        str(key): Observations(
            part["known_ns"].to_numpy(writable=True),
            part["start_ns"].to_numpy(writable=True),
            part["end_ns"].to_numpy(writable=True),
            {name: part[name].to_numpy(writable=True) for name in values},
        )
        for (key,), part in sorted(rows.partition_by("instrument", as_dict=True).items())
    }


@dataclass(frozen=True, slots=True)
class EngineInput:
    """Feature rows and touch changes of one instrument over a span of local time.

    Rows lie on the sampling grid in rising order; float columns hold NaN where undefined.
    """

    local_ns: IntColumn
    columns: Mapping[str, FloatColumn]
    """By feature name: mid, spread_bps, obi_1, obi_k, weighted_mid, ofi, tfi, realised_volatility."""
    quote_ns: IntColumn
    quote_mid: FloatColumn
    """Mid changes at local time; NaN where the touch was lost."""
    series: Mapping[str, Observations] = field(default_factory=dict)
    """Slow series by name: what became known in this span. A series that the run does not have is absent; one without
    news is there with no rows. What concerns the whole universe is given to each instrument."""


def with_series(
    inputs: Mapping[str, EngineInput], name: str, series: Mapping[str, Observations]
) -> dict[str, EngineInput]:
    """The inputs with one series more, for those instruments that have it."""
    return {
        key: replace(rows, series={**rows.series, name: series[key]}) if key in series else rows
        for key, rows in inputs.items()
    }


@runtime_checkable
class Engine(Protocol):
    """Looks at features, answers with votes. What it knows at a row is what the rows up to it say."""

    name: str
    refit_ns: int
    """Local times that are multiples of this are refit instants; 0: none."""

    def vote(self, inputs: Mapping[str, EngineInput]) -> list[Votes]:
        """Takes the next rows of every instrument, one span of time for all (never past the next refit instant).

        Whatever became known up to the last row has been given, in this call or before. Every row of an instrument
        that is answered has a vote or is counted in ``abstained``.
        """
        ...

    def refit(self, now_ns: int) -> None:
        """Called at each refit instant, after every row and quote before it was taken."""
        ...

    def findings(self) -> dict[str, Any]:
        """What the engine believes now, for reports."""
        ...

    def snapshot(self) -> bytes: ...

    def restore(self, state: bytes) -> None: ...
