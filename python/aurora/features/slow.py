"""Slow features of time bars: within the day, and from day to day for the cross-section.

A row stands for a complete bar and uses no bar that ends after it. Whoever acts on it may do so from ``known_ns`` on:
that is the bar's end, but of a forward-filled bar the next trade, for only that tells a short silence from a hole.
Returns are simple ones, P(t) / P(t - k) - 1, as fractions. Undefined values are null.
"""

from __future__ import annotations

import math
from datetime import time

import polars as pl

from aurora.errors import DataError, UsageError
from aurora.features.bar_frames import DAY_NS, checked_time_bars, resample

_MINUTE_NS = 60_000_000_000
_RANGE_LENGTH = 14
_RETURN_MINUTES = (15, 30, 60)
_RETURN_DAYS = (1, 5, 21, 63, 126, 252)
_VOLATILITY_DAYS = (21, 63)
_AVERAGE_DAYS = (20, 50, 200)
DAYS_A_YEAR = 365
"""Crypto trades every day: the year of an annualised volatility."""


def _with_runs(frame: pl.DataFrame) -> pl.DataFrame:
    """Adds ``run``: the number of an unbroken run of bars. The frame is sorted by instrument and time."""
    joined = pl.col("start_ns") == pl.col("end_ns").shift(1).over("instrument")
    return frame.with_columns((~joined.fill_null(False)).cum_sum().alias("run"))


def _with_average_true_range(frame: pl.DataFrame) -> pl.DataFrame:
    """Adds ``average_true_range``: Wilder (1978) over 14 bars, begun anew in every run.

    The first value is the mean of the true ranges of bars 1 to 14 of the run (the bar 0 has no close before it), then
    (before × 13 + true range) / 14, which is an exponentially weighted mean of weight 1/14 begun at that value.
    """
    before = pl.col("close").shift(1).over("run")
    true_range = pl.max_horizontal("high", before) - pl.min_horizontal("low", before)
    place = pl.int_range(pl.len()).over("run")
    frame = frame.with_columns(
        pl.when(before.is_not_null()).then(true_range).alias("_true_range"), place.alias("_place")
    )
    seed = pl.col("_true_range").slice(1, _RANGE_LENGTH).mean().over("run")
    begun = (
        pl.when(pl.col("_place") == _RANGE_LENGTH)
        .then(seed)
        .when(pl.col("_place") > _RANGE_LENGTH)
        .then(pl.col("_true_range"))
    )
    smoothed = begun.ewm_mean(alpha=1 / _RANGE_LENGTH, adjust=False, ignore_nulls=True).over("run")
    return frame.with_columns(smoothed.alias("average_true_range")).drop("_true_range", "_place")


def _of_day(clock: time) -> int:
    seconds = (clock.hour * 60 + clock.minute) * 60 + clock.second
    return seconds * 10**9 + clock.microsecond * 1_000


def _session(window: tuple[time, time] | None, step: int, opening_ns: int) -> tuple[int, int]:
    """Start within the UTC day and length of a session, ns."""
    if window is None:
        begin, length = 0, DAY_NS
    else:
        begin = _of_day(window[0])
        length = (_of_day(window[1]) - begin) % DAY_NS or DAY_NS
    if begin % step or length % step:
        raise UsageError(f"the window does not begin and end with a bar of {step / 1e9:g} s")
    if opening_ns <= 0 or opening_ns % step or opening_ns > length:
        raise UsageError(
            f"an opening range of {opening_ns / _MINUTE_NS:g} minutes is no number of bars within the session"
        )
    return begin, length


def intraday(
    bars: pl.DataFrame,
    *,
    opening_range_minutes: int = 30,
    window: tuple[time, time] | None = None,
    volume_bars: int = 20,
) -> pl.DataFrame:
    """Features within the day, one row per complete bar.

    ===========================  =====================================================================================
    instrument, start_ns, end_ns, known_ns, close   of the bar
    return_15m, _30m, _60m       close over the close 15, 30, 60 minutes before, less 1 [fraction]
    volume_ratio                 volume over the mean volume of the ``volume_bars`` bars before it [ratio]
    session_vwap                 volume-weighted average price since the session began [quote currency]
    session_vwap_deviation       close over session_vwap, less 1 [fraction]
    opening_range_high, _low     highest and lowest price of the session's first minutes, from their end on
                                 [quote currency]
    opening_range_position       (close - low) / (high - low) of the opening range: 0 at its low, 1 at its high, beyond
                                 them outside [ratio]
    average_true_range           Wilder (1978), 14 bars [quote currency]
    ===========================  =====================================================================================

    A session is the UTC day, or the trading ``window`` within it; outside of a window the session's columns are null.
    Missing bars (a hole of an hour or more, a time not observed) break returns, volume ratio and average true range,
    which begin anew behind them; session_vwap needs every bar since the session began, the opening range every bar
    in it. Forward-filled bars count as bars of no volume, and not in the opening range's high and low.

    Args:
        bars: time bars of one length that divides 15 minutes, of one or several instruments.
        opening_range_minutes: a number of whole bars.
        window: (from, to), times of the UTC day; it may pass midnight.
        volume_bars: bars that a volume is compared with.

    Returns:
        Rows sorted by end, then instrument.

    Raises:
        UsageError: bars, window or opening range do not fit.
        DataError: volumes are too large to be summed exactly.
    """
    if volume_bars < 1:
        raise UsageError(f"volume_bars is {volume_bars}; it must be positive")
    ordered, step = checked_time_bars(bars)
    step = step or _MINUTE_NS
    if 15 * _MINUTE_NS % step:
        raise UsageError(f"bars of {step / 1e9:g} s do not make 15 minutes; give 1m, 5m or 15m bars")
    largest = ordered["volume_quanta"].max()
    if isinstance(largest, int) and largest * volume_bars >= 2**63:
        raise DataError(
            f"{volume_bars} volumes are too large to be summed exactly; ask for fewer volume_bars"
        )
    opening_ns = opening_range_minutes * _MINUTE_NS
    begin, length = _session(window, step, opening_ns)
    frame = _with_average_true_range(_with_runs(ordered.filter("complete")))

    close = pl.col("close")
    returns = [
        (close / close.shift(minutes * _MINUTE_NS // step).over("run") - 1).alias(f"return_{minutes}m")
        for minutes in _RETURN_MINUTES
    ]
    # Of integers: a sliding sum of floats would leave dust behind where all volumes have become zero.
    earlier = pl.col("volume_quanta").rolling_sum(volume_bars).shift(1).over("run")
    ratio = pl.when(earlier > 0).then(pl.col("volume_quanta") / (earlier / volume_bars))

    opened = (pl.col("start_ns") - begin) // DAY_NS * DAY_NS + begin
    frame = frame.with_columns(*returns, ratio.alias("volume_ratio"), opened.alias("opened_ns"))
    session = ["instrument", "opened_ns"]
    since = pl.col("end_ns") - pl.col("opened_ns")
    inside, opening = since <= length, since <= opening_ns
    whole = (pl.int_range(pl.len()).over(session) + 1) * step == since
    volume = pl.col("volume").cum_sum().over(session)
    vwap = pl.col("notional").cast(pl.Float64).cum_sum().over(session) / volume
    opening_whole = opening.sum().over(session).cast(pl.Int64) * step == opening_ns
    opening_known = inside & opening_whole & (since >= opening_ns)
    in_opening = opening & ~pl.col("filled")
    frame = frame.with_columns(
        pl.when(inside & whole & (volume > 0)).then(vwap).alias("session_vwap"),
        pl.when(opening_known)
        .then(pl.col("high").filter(in_opening).max().over(session))
        .alias("opening_range_high"),
        pl.when(opening_known)
        .then(pl.col("low").filter(in_opening).min().over(session))
        .alias("opening_range_low"),
    )
    low, high = pl.col("opening_range_low"), pl.col("opening_range_high")
    frame = frame.with_columns(
        (close / pl.col("session_vwap") - 1).alias("session_vwap_deviation"),
        pl.when(high > low).then((close - low) / (high - low)).alias("opening_range_position"),
    )
    names = [*(f"return_{minutes}m" for minutes in _RETURN_MINUTES), "volume_ratio"]
    names += ["session_vwap", "session_vwap_deviation"]
    names += ["opening_range_high", "opening_range_low", "opening_range_position", "average_true_range"]
    columns = ["instrument", "start_ns", "end_ns", "known_ns", "close", *names]
    return frame.select(columns).sort("end_ns", "instrument")


def daily(bars: pl.DataFrame) -> pl.DataFrame:
    """Features for the cross-section, one row per instrument and UTC day, from its first complete day to its last.

    =====================  ===========================================================================================
    instrument, date, start_ns, end_ns, known_ns, open, high, low, close, volume    of the day
    return_1d … _252d      close over the close 1, 5, 21, 63, 126, 252 days before, less 1 [fraction]
    volatility_21d, _63d   realised volatility: standard deviation (divisor n - 1) of the last n daily log returns
                           × sqrt(365), days without trading being none in crypto [fraction per year]
    average_20d … _200d    mean of the last 20, 50, 200 closes [quote currency]
    average_true_range     Wilder (1978), 14 days [quote currency]
    =====================  ===========================================================================================

    Days are calendar days. A day that was not observed from midnight to midnight, or had no trade, is missing: its
    row is null. A return needs the two days that it compares; volatilities and averages need every day of their span;
    the average true range begins anew behind a missing day.

    Args:
        bars: time bars of one length, of one or several instruments; finer ones are resampled to days.

    Returns:
        Rows sorted by end, then instrument.

    Raises:
        UsageError: these are no time bars of one length.
    """
    days = resample(bars, "1d").filter("complete").sort("instrument", "start_ns")
    shown = ["known_ns", "open", "high", "low", "close", "volume", "average_true_range"]
    observed = _with_average_true_range(_with_runs(days)).select("instrument", "start_ns", *shown)
    calendar = (
        observed.group_by("instrument", maintain_order=True)
        .agg(pl.int_range(pl.col("start_ns").min(), pl.col("start_ns").max() + DAY_NS, DAY_NS))
        .explode("start_ns")
    )
    frame = calendar.join(observed, on=["instrument", "start_ns"], how="left", maintain_order="left")
    close = pl.col("close")
    frame = frame.with_columns(
        (pl.col("start_ns") + DAY_NS).alias("end_ns"),
        pl.from_epoch(pl.col("start_ns") // DAY_NS, time_unit="d").alias("date"),
        (close / close.shift(1)).log().over("instrument").alias("_log_return"),
    )
    a_year = math.sqrt(DAYS_A_YEAR)
    features = [
        *((close / close.shift(n) - 1).alias(f"return_{n}d") for n in _RETURN_DAYS),
        *(
            (pl.col("_log_return").rolling_std(n) * a_year).alias(f"volatility_{n}d")
            for n in _VOLATILITY_DAYS
        ),
        *(close.rolling_mean(n).alias(f"average_{n}d") for n in _AVERAGE_DAYS),
    ]
    frame = frame.with_columns(feature.over("instrument") for feature in features)
    names = [feature.meta.output_name() for feature in features]
    columns = ["instrument", "date", "start_ns", "end_ns", *shown[:-1], *names, "average_true_range"]
    return frame.select(columns).sort("end_ns", "instrument")
