"""Bars as a frame: its columns, and coarser time bars from finer ones."""

from __future__ import annotations

import re

import numpy as np
import polars as pl

from aurora.errors import DataError, UsageError

DAY_NS = 86_400_000_000_000
SHORTEST_BAR_NS = 100_000_000

_EVERY = re.compile(r"([1-9]\d*)\s*(ms|s|m|h|d)")
_NANOSECONDS = {"ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3_600 * 10**9, "d": DAY_NS}

BAR_COLUMNS: dict[str, str] = {
    "instrument": "key such as binance_usdm:BTCUSDT",
    "start_ns": "time bars: start of the interval, others: time of the first trade [corrected receive time, ns]",
    "end_ns": "time bars: end of the interval, not in it, others: time of the last trade [ns]",
    "known_ns": "from when on the bar could be known: its end; of a filled bar the next trade, of a bar left open the "
    "end of the capture [ns]",
    "first_ns": "time of the first trade, null without one [ns]",
    "last_ns": "time of the last trade, null without one [ns]",
    "open": "price of the first trade [quote currency]",
    "high": "highest price [quote currency]",
    "low": "lowest price [quote currency]",
    "close": "price of the last trade [quote currency]",
    "volume": "traded size [base currency; contracts where inverse]",
    "buy_volume": "volume of buying aggressors [as volume]",
    "vwap": "volume-weighted average price, null without a trade [quote currency]",
    "notional": "sum of price × size, an exact decimal [quote currency; of an inverse contract no money]",
    "trades": "market trades [count]",
    "open_quanta": "open [price quanta, exact]",
    "high_quanta": "high [price quanta, exact]",
    "low_quanta": "low [price quanta, exact]",
    "close_quanta": "close [price quanta, exact]",
    "volume_quanta": "volume [size quanta, exact]",
    "buy_volume_quanta": "buy_volume [size quanta, exact]",
    "price_decimals": "a price quantum is 10^-price_decimals",
    "size_decimals": "a size quantum is 10^-size_decimals",
    "filled": "no trade, flat at the close before: silences under an hour are filled, longer ones are holes",
    "complete": "false for the bar left open at the end, and for a time bar that began before observation did",
    "observed_ns": "first event of any kind of the instrument [ns]",
}
"""Columns of a frame of bars, with their units."""


def bar_schema(notional_decimals: int) -> pl.Schema:
    """Types of :data:`BAR_COLUMNS`; the notional has that many decimals."""
    types: dict[str, pl.DataType] = dict.fromkeys(BAR_COLUMNS, pl.Int64())
    types["instrument"] = pl.String()
    types |= dict.fromkeys(("open", "high", "low", "close", "volume", "buy_volume", "vwap"), pl.Float64())
    types["notional"] = pl.Decimal(38, notional_decimals)
    types["trades"] = pl.UInt64()
    types |= dict.fromkeys(("price_decimals", "size_decimals"), pl.UInt8())
    types |= dict.fromkeys(("filled", "complete"), pl.Boolean())
    return pl.Schema(types)


def bar_step_ns(every: str) -> int:
    """Nanoseconds of a time bar such as ``"1m"``, ``"15m"``, ``"1h"``, ``"1d"``.

    Raises:
        UsageError: no time, shorter than 100 ms, or one that does not divide the day: bars begin at multiples of it
            since the epoch, and days shall begin with a bar.
    """
    matched = _EVERY.fullmatch(every.strip())
    step = int(matched[1]) * _NANOSECONDS[matched[2]] if matched else 0
    if step < SHORTEST_BAR_NS or step > DAY_NS or DAY_NS % step:
        raise UsageError(
            f"a bar every {every!r} cannot be; give a time from 100ms to 1d that divides the day, such as 1m, 15m or 1h"
        )
    return step


def with_floats(bars: pl.DataFrame) -> pl.DataFrame:
    """Adds the float columns, each from exact ones and rounded once; columns in order."""

    # numpy: polars divides by a scalar, a single row included, by its reciprocal, which rounds twice.
    def scaled(name: str, what: str) -> pl.Series:
        quanta = bars[f"{name}_quanta"].to_numpy()
        return pl.Series(name, quanta / 10 ** bars[f"{what}_decimals"].cast(pl.Int64).to_numpy())

    prices = [scaled(name, "price") for name in ("open", "high", "low", "close")]
    sizes = [scaled(name, "size") for name in ("volume", "buy_volume")]
    volume, notional = sizes[0].to_numpy(), bars["notional"].cast(pl.Float64).to_numpy()
    vwap = np.divide(notional, volume, out=np.full(len(volume), np.nan), where=volume > 0)
    return bars.with_columns(*prices, *sizes, pl.Series("vwap", vwap).fill_nan(None)).select(*BAR_COLUMNS)


def checked_time_bars(bars: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Time bars in order of instrument and time, and their length in nanoseconds, 0 where there is none.

    Raises:
        UsageError: columns are missing, or these are no time bars of one length, each there once.
    """
    missing = [name for name in BAR_COLUMNS if name not in bars.columns]
    if missing:
        raise UsageError(f"no bars: {', '.join(missing)} missing; make them with aurora.features.bars")
    if bars.is_empty():
        return bars, 0
    steps = bars.select((pl.col("end_ns") - pl.col("start_ns")).unique())["end_ns"].to_list()
    step = int(steps[0])
    uniform = len(steps) == 1 and step >= SHORTEST_BAR_NS and DAY_NS % step == 0
    # The end is not in a time bar, but it is in all others.
    if (
        not uniform
        or bars.select(
            ((pl.col("start_ns") % step != 0) | (pl.col("last_ns") >= pl.col("end_ns"))).any()
        ).item()
    ):
        raise UsageError(
            "these are no time bars of one length; make them with every=, not by volume or dollar"
        )
    if bars.select(pl.struct("instrument", "start_ns").is_duplicated().any()).item():
        raise UsageError("a bar of an instrument is there twice; give each capture once")
    return bars.sort("instrument", "start_ns"), step


def _scale(notional: pl.DataType) -> int:
    return notional.scale if isinstance(notional, pl.Decimal) else 0


def resample(bars: pl.DataFrame, every: str, *, until_ns: int | None = None) -> pl.DataFrame:
    """Coarser time bars from finer ones, equal to those built from the trades.

    Args:
        bars: time bars of one length, of one or several instruments.
        every: the new length, a multiple of the old one; see :func:`bar_step_ns`.
        until_ns: how long the market was observed, local ns. The last bar is complete where that reaches its end;
            bars do not tell of silence behind them, so without it only what the bars show counts.

    Returns:
        Bars sorted by end, then instrument.

    Raises:
        UsageError: these are no time bars of one length, or it does not divide ``every``.
        DataError: sums are too large to be exact.
    """
    step = bar_step_ns(every)
    finer, finer_step = checked_time_bars(bars)
    if finer.is_empty():
        return finer
    if step % finer_step:
        raise UsageError(f"bars of {finer_step / 1e9:g} s do not make bars every {every!r}")
    traded = ~pl.col("filled")
    start = (pl.col("start_ns") // step * step).alias("start_ns")
    until = pl.col("known_ns").max().over("instrument") if until_ns is None else pl.lit(until_ns, pl.Int64)

    def of_trades(name: str, picked: pl.Expr) -> pl.Expr:
        return pl.coalesce(picked, pl.col("close_quanta").last()).alias(name)

    coarse = (
        finer.with_columns(until.alias("until_ns"))
        .group_by("instrument", start, maintain_order=True)
        .agg(
            of_trades("open_quanta", pl.col("open_quanta").filter(traded).first()),
            of_trades("high_quanta", pl.col("high_quanta").filter(traded).max()),
            of_trades("low_quanta", pl.col("low_quanta").filter(traded).min()),
            pl.col("close_quanta").last(),
            pl.col("first_ns").min(),
            pl.col("last_ns").max(),
            pl.col("volume_quanta", "buy_volume_quanta", "notional", "trades").sum(),
            pl.col("volume_quanta").cast(pl.Float64).sum().alias("volume_bound"),
            pl.col("notional").cast(pl.Float64).sum().alias("notional_bound"),
            pl.col("filled", "complete").all(),
            pl.col("observed_ns").max(),
            pl.col("known_ns").max().alias("filled_known_ns"),
            pl.col("price_decimals", "size_decimals", "until_ns").first(),
        )
        .with_columns((pl.col("start_ns") + step).alias("end_ns"))
    )
    # Sums of integers wrap without a word.
    notional_limit = 1e38 / 10.0 ** _scale(bars.schema["notional"])
    beyond = (pl.col("volume_bound") >= 2.0**63) | (pl.col("notional_bound") >= notional_limit)
    if coarse.select(beyond.any()).item():
        raise DataError(f"the sums of bars every {every!r} are too large to be exact; ask for shorter ones")
    left_open = pl.col("end_ns") > pl.col("until_ns")
    known = pl.when("filled").then("filled_known_ns").when(left_open).then("until_ns").otherwise("end_ns")
    coarse = coarse.with_columns(
        known.alias("known_ns"),
        (pl.col("complete") & ~left_open & (pl.col("observed_ns") <= pl.col("start_ns"))).alias("complete"),
        pl.col("notional").cast(bars.schema["notional"]),
    )
    return with_floats(coarse).sort("end_ns", "instrument")
