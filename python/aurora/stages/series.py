"""Slow series for engines and regimes: bars of the capture as they become known, and files that a run was given.

What an engine is given of a span are the rows that became known in it, whichever slice brought them: the end of the
span before is part of the state, so that no cut loses or repeats a row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from aurora._core import BarBlock, BarCore, Instrument, MarketBlock
from aurora.engines import EngineInput, Observations, observations
from aurora.errors import ConfigError
from aurora.features import (
    DAILY_COLUMNS,
    INTRADAY_COLUMNS,
    BarMerger,
    DailyTracker,
    IntradayTracker,
    SlowRow,
    StreamedBar,
)
from aurora.messages import FloatColumn, IntColumn

MINUTE_NS = 60_000_000_000
REGIME_BAR_NS = 15 * MINUTE_NS
DAY_NS = 1_440 * MINUTE_NS
BAR_NS = MINUTE_NS
"""Length of the bars that intraday features are made of."""
SERIES_OF_FILES = ("funding", "basis", "listing", "volatility_index", "btc_dominance", "sentiment")
FromFiles = Mapping[str, Mapping[str, Observations]]
"""By series, then by instrument."""


class SeriesSettings(BaseModel):
    """Files (Parquet or CSV) of series that captures do not carry; docs/engines.md says which columns each has.

    A frame without the column ``instrument`` is of the whole universe. Times are local nanoseconds.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    funding: Path | None = Field(None, description="rate, interval_hours")
    basis: Path | None = Field(None, description="basis; without it made of spot and perpetual captures")
    listing: Path | None = Field(None, description="listed_day")
    volatility_index: Path | None = Field(None, description="value, annual per cent")
    btc_dominance: Path | None = Field(None, description="value, 0 to 1")
    sentiment: Path | None = Field(None, description="value, -1 to 1")

    @property
    def files(self) -> dict[str, Path]:
        found = {name: getattr(self, name) for name in SERIES_OF_FILES}
        return {name: path for name, path in found.items() if path is not None}

    def load(self, instruments: Sequence[str]) -> dict[str, dict[str, Observations]]:
        """Reads the files.

        Raises:
            ConfigError: a file cannot be read, or is no series.
        """
        return {name: _read(name, path, instruments) for name, path in self.files.items()}


def _read(name: str, path: Path, instruments: Sequence[str]) -> dict[str, Observations]:
    try:
        frame = pl.read_csv(path) if path.suffix == ".csv" else pl.read_parquet(path)
        if "instrument" in frame.columns:
            return observations(frame)
        whole = observations(frame.with_columns(pl.lit("").alias("instrument")))
    except Exception as error:
        raise ConfigError(
            f"series.{name}: {path} cannot be used: {error}; give Parquet or CSV with known_ns and its values"
        ) from error
    return {key: whole[""] for key in instruments} if whole else {}


class _Rows:
    """Rows that are known and not served yet."""

    __slots__ = ("columns", "rows")

    def __init__(self, columns: Sequence[str]):
        self.columns = tuple(columns)
        self.rows: list[SlowRow] = []

    def between(self, after_ns: int, until_ns: int) -> Observations:
        served = [row for row in self.rows if row.known_ns <= until_ns]
        if served:
            self.rows = [row for row in self.rows if row.known_ns > until_ns]
            served = [row for row in served if row.known_ns > after_ns]
        if not served:
            return _nothing(self.columns)
        return Observations(
            _times(row.known_ns for row in served),
            _times(row.start_ns for row in served),
            _times(row.end_ns for row in served),
            {name: np.array([row.values[name] for row in served], np.float64) for name in self.columns},
        )

    def state(self) -> list[Any]:
        return [
            [row.start_ns, row.end_ns, row.known_ns, [row.values[name].hex() for name in self.columns]]
            for row in self.rows
        ]

    def load(self, state: list[Any]) -> None:
        self.rows = [
            SlowRow(start, end, known, dict(zip(self.columns, map(float.fromhex, values), strict=True)))
            for start, end, known, values in state
        ]


def _times(values: Any) -> IntColumn:
    return np.array(list(values), np.int64)


_EMPTY: IntColumn = np.empty(0, np.int64)
_NO_VALUES: FloatColumn = np.empty(0)
_NOTHING: dict[tuple[str, ...], Observations] = {}


def _nothing(columns: tuple[str, ...]) -> Observations:
    found = _NOTHING.get(columns)
    if found is None:
        found = Observations(_EMPTY, _EMPTY, _EMPTY, dict.fromkeys(columns, _NO_VALUES))
        _NOTHING[columns] = found
    return found


_BAR = StreamedBar.__slots__
_PRICES = frozenset({"open", "high", "low", "close", "notional"})


class _Streams:
    """Bars of one instrument and what is made of them."""

    def __init__(self, instrument: Instrument):
        self._prices, self._sizes = instrument.price_scale, instrument.size_scale
        self._core = BarCore(instrument, "time", BAR_NS)
        self._minute = -1
        """Of the end of the last block that was looked at; blocks without events within it close no bar."""
        self._intraday = IntradayTracker(BAR_NS, instrument.size_scale)
        self._quarters = BarMerger(BAR_NS, REGIME_BAR_NS)
        self._days = BarMerger(BAR_NS, DAY_NS)
        self._daily = DailyTracker(instrument.size_scale)
        self.intraday = _Rows(INTRADAY_COLUMNS)
        self.daily = _Rows(DAILY_COLUMNS)
        self.quarters: list[StreamedBar] = []
        """Bars of 15 minutes that are not taken yet."""
        self.readings: list[tuple[int, float, float]] = []
        """(known, average true range, close) of bars that are not taken yet."""
        self.closes: list[tuple[int, float]] = []

    def take(self, block: MarketBlock) -> None:
        minute = block.end_ns // BAR_NS
        if minute == self._minute and not len(block):
            return
        self._minute = minute
        made = self._core.process(block)
        if len(made):
            for bar in self._bars(made):
                self._take(bar)

    def _bars(self, made: BarBlock) -> list[StreamedBar]:
        columns = ("start_ns", "end_ns", "known_ns", "open", "high", "low", "close", "volume")
        frame = pl.DataFrame(made).select(*columns, pl.col("notional").cast(pl.Float64), "filled", "complete")
        scale = self._prices
        return [
            # A filled bar is known by the next trade: after it, not at its very moment.
            StreamedBar(
                start,
                end,
                known + filled,
                o / scale,
                h / scale,
                low / scale,
                c / scale,
                v,
                money,
                filled,
                whole,
            )
            for start, end, known, o, h, low, c, v, money, filled, whole in frame.iter_rows()
        ]

    def _take(self, bar: StreamedBar) -> None:
        row = self._intraday.update(bar)
        if row is not None:
            self.intraday.rows.append(row)
            self.closes.append((row.known_ns, bar.close))
            reach = row.values["average_true_range"]
            if reach == reach:
                self.readings.append((row.known_ns, reach, bar.close))
        quarter = self._quarters.update(bar)
        if quarter is not None and quarter.complete:
            self.quarters.append(quarter)
        day = self._days.update(bar)
        if day is not None and (of_day := self._daily.update(day)) is not None:
            self.daily.rows.append(of_day)

    def state(self) -> dict[str, Any]:
        return {
            "core": self._core.snapshot().hex(),
            "intraday": [self._intraday.state(), self.intraday.state()],
            "merged": [self._quarters.state(), self._days.state()],
            "daily": [self._daily.state(), self.daily.state()],
            "quarters": [
                [getattr(bar, name).hex() if name in _PRICES else getattr(bar, name) for name in _BAR]
                for bar in self.quarters
            ],
            "readings": [[known, reach.hex(), close.hex()] for known, reach, close in self.readings],
            "closes": [[known, close.hex()] for known, close in self.closes],
        }

    def load(self, state: Mapping[str, Any]) -> None:
        self._core.restore(bytes.fromhex(state["core"]))
        self._intraday.load(state["intraday"][0])
        self.intraday.load(state["intraday"][1])
        self._quarters.load(state["merged"][0])
        self._days.load(state["merged"][1])
        self._daily.load(state["daily"][0])
        self.daily.load(state["daily"][1])
        self.quarters = []
        for row in state["quarters"]:
            known: dict[str, Any] = dict(zip(_BAR, row, strict=True))
            prices: dict[str, Any] = {name: float.fromhex(known[name]) for name in _PRICES}
            self.quarters.append(StreamedBar(**{**known, **prices}))
        self.readings = [(k, float.fromhex(r), float.fromhex(c)) for k, r, c in state["readings"]]
        self.closes = [(k, float.fromhex(c)) for k, c in state["closes"]]


@dataclass(frozen=True, slots=True)
class BarNews:
    """What became known of one instrument up to an instant, beside engines' series."""

    quarters: list[StreamedBar]
    readings: list[tuple[int, float, float]]


class SeriesFeed:
    """Every series of a universe.

    Args:
        files: series that do not come from the capture.
    """

    def __init__(self, instruments: Mapping[str, Instrument], files: FromFiles | None = None):
        self._streams = {key: _Streams(instrument) for key, instrument in sorted(instruments.items())}
        self._files = dict(files or {})
        self._last_until_ns: int | None = None
        self._spot = {} if "basis" in self._files else _spot_of(instruments)
        self._basis = {key: _Rows(("basis",)) for key in self._spot}

    def take(self, instrument: str, block: MarketBlock) -> None:
        """Takes the next block; what it tells is served once it is known."""
        self._streams[instrument].take(block)

    def serve(self, inputs: Mapping[str, EngineInput], until_ns: int) -> dict[str, EngineInput]:
        """The inputs of the span that ends here, with the news of it."""
        after_ns = until_ns - 1 if self._last_until_ns is None else self._last_until_ns
        first = self._last_until_ns is None
        self._last_until_ns = until_ns
        self._make_basis(until_ns)
        answers = {}
        for key, rows in inputs.items():
            streams = self._streams[key]
            begin = _LONG_AGO if first else after_ns
            series: dict[str, Observations] = {
                "intraday": streams.intraday.between(begin, until_ns),
                "daily": streams.daily.between(begin, until_ns),
            }
            if key in self._basis:
                series["basis"] = self._basis[key].between(begin, until_ns)
            for name, by_instrument in self._files.items():
                if key in by_instrument:
                    series[name] = by_instrument[key].between(begin, until_ns)
            answers[key] = EngineInput(rows.local_ns, rows.columns, rows.quote_ns, rows.quote_mid, series)
        return answers

    def _make_basis(self, until_ns: int) -> None:
        for key, spot in self._spot.items():
            near = {known: close for known, close in self._streams[key].closes if known <= until_ns}
            cash = {known: close for known, close in self._streams[spot].closes if known <= until_ns}
            for known in sorted(near.keys() & cash.keys()):
                values = {"basis": near[known] / cash[known] - 1}
                self._basis[key].rows.append(SlowRow(known, known, known, values))
        for streams in self._streams.values():
            if streams.closes:
                streams.closes = [row for row in streams.closes if row[0] > until_ns]

    def news(self, instrument: str, until_ns: int) -> BarNews:
        """Bars and true ranges that became known up to here and were not asked for yet."""
        streams = self._streams[instrument]
        quarters = [bar for bar in streams.quarters if bar.known_ns <= until_ns]
        readings = [row for row in streams.readings if row[0] <= until_ns]
        if quarters:
            streams.quarters = [bar for bar in streams.quarters if bar.known_ns > until_ns]
        if readings:
            streams.readings = [row for row in streams.readings if row[0] > until_ns]
        return BarNews(quarters, readings)

    def state(self) -> dict[str, Any]:
        return {
            "streams": {key: streams.state() for key, streams in self._streams.items()},
            "basis": {key: rows.state() for key, rows in self._basis.items()},
            "last_until_ns": self._last_until_ns,
        }

    def load(self, state: Mapping[str, Any]) -> None:
        for key, part in state["streams"].items():
            self._streams[key].load(part)
        for key, rows in state["basis"].items():
            self._basis[key].load(rows)
        self._last_until_ns = state["last_until_ns"]


_LONG_AGO = int(np.iinfo(np.int64).min)


def _spot_of(instruments: Mapping[str, Instrument]) -> dict[str, str]:
    """The spot instrument of each perpetual that trades the same symbol."""
    found = {}
    for key in instruments:
        market, _, symbol = key.partition(":")
        spot = f"binance_spot:{symbol}"
        if market != "binance_spot" and spot in instruments:
            found[key] = spot
    return found
