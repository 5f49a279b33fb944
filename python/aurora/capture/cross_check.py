"""Two sources of one market against each other: prices on a common clock, the clocks themselves, trades by id."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from aurora._core import hayashi_yoshida_curve, read_touches
from aurora.capture.files import expand_paths, group_streams
from aurora.errors import DataError, UsageError

GRID_NS = 100_000_000
"""Step of the common grid of exchange time."""
LARGEST_LAG_MS = 1_000
COARSE_LAG_MS = 5
"""Lags are tried in such steps, then in milliseconds around the best."""
SMALLEST_CORRELATION = 0.05
"""Below, the best lag is chance and not told."""
AGREEING_SHARE = 0.99
"""Two recordings of one instrument are within the bound for this share of time."""
LARGEST_CLOCK_LAG_MS = 20.0
"""As the quality grade's bound on a clock's drift."""

QUOTES = ("USDT", "USDC", "FDUSD", "USD", "EUR", "JPY", "BTC", "ETH")
"""What a symbol may end in behind its asset."""

_Int = npt.NDArray[np.int64]
_Float = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossCheck:
    """How far two sources agree. ``first`` and ``second`` are instrument keys; differences are first minus second."""

    first: str
    second: str
    same_instrument: bool
    """One venue and symbol: prices and trades must be equal. Else they are two markets of one asset, and basis and
    lead-lag are real."""
    overlap_s: float
    """Exchange time that both cover."""
    compared_share: float
    """Of the overlap's grid: both had a usable touch."""
    median_difference_bps: float | None
    """Signed: the basis, where the markets differ."""
    median_absolute_difference_bps: float | None
    p99_absolute_difference_bps: float | None
    within_bps: float
    within_share: float | None
    """Share of the compared grid where mids differ by ``within_bps`` at most."""
    clock_lag_ms: float | None
    """Lag of the largest Hayashi-Yoshida correlation of the mids by exchange time; positive: the second is later.
    For one instrument this is the skew of the sources' exchange times. None where no correlation exceeds 0.05."""
    lag_correlation: float | None
    receive_clock_difference_ms: float
    """Receive-clock offset of the first minus that of the second."""
    trades_first: int
    trades_second: int
    """Market trades of the overlap."""
    missing_in_first: int | None
    """Trades of the other that it lacks, by id; None where ids cannot be compared."""
    missing_in_second: int | None
    unequal_trades: int | None
    """Trades of one id whose price or size differs."""

    @property
    def disagreements(self) -> tuple[str, ...]:
        """Why two sources of one instrument contradict each other; nothing is said of different markets."""
        if not self.same_instrument:
            return ()
        found = []
        if self.within_share is not None and self.within_share < AGREEING_SHARE:
            found.append(
                f"mids differ by more than {self.within_bps:g} bps for {1 - self.within_share:.1%} of the time "
                f"(99 % quantile {self.p99_absolute_difference_bps:.2f} bps)"
            )
        if self.clock_lag_ms is not None and abs(self.clock_lag_ms) > LARGEST_CLOCK_LAG_MS:
            found.append(f"the second's exchange times are {self.clock_lag_ms:+,.0f} ms later")
        for name, missing in (("first", self.missing_in_first), ("second", self.missing_in_second)):
            if missing:
                found.append(f"{missing:,} trades of the other are missing in the {name}")
        if self.unequal_trades:
            found.append(f"{self.unequal_trades:,} trades of one id differ in price or size")
        return tuple(found)

    @property
    def agrees(self) -> bool | None:
        """None for different markets and where nothing could be compared."""
        if not self.same_instrument or self.within_share is None:
            return None
        return not self.disagreements

    @property
    def sentences(self) -> tuple[str, ...]:
        """What was found, for a reader."""
        found = [
            f"{self.overlap_s:,.1f} s in common, mids known to both for {self.compared_share:.1%} of them; "
            f"{self.trades_first:,} and {self.trades_second:,} trades"
        ]
        if self.within_share is not None:
            found.append(
                f"mids differ by {self.median_difference_bps:+.2f} bps in the median, "
                f"{self.p99_absolute_difference_bps:.2f} bps in 99 % of the time at most, within "
                f"{self.within_bps:g} bps for {self.within_share:.1%}"
            )
        if self.clock_lag_ms is not None:
            found.append(
                f"the second is {self.clock_lag_ms:+,.0f} ms later by exchange time "
                f"(correlation {self.lag_correlation:.2f})"
            )
        if abs(self.receive_clock_difference_ms) > LARGEST_CLOCK_LAG_MS:
            found.append(f"the receive clocks are {self.receive_clock_difference_ms:+,.0f} ms apart")
        if self.missing_in_first is not None:
            found.append(
                f"trades by id: {self.missing_in_first:,} missing in the first, {self.missing_in_second:,} in the "
                f"second, {self.unequal_trades:,} unequal"
            )
        return tuple(found)

    def to_dict(self) -> dict[str, Any]:
        return {"agrees": self.agrees, "disagreements": list(self.disagreements), **asdict(self)}


@dataclass(frozen=True, slots=True)
class _Source:
    """Columns of one instrument by exchange time."""

    key: str
    asset: str
    offset_ms: float
    touch_ns: _Int
    mid: _Float
    """NaN where there is no usable touch."""
    trade_ns: _Int
    trade_id: npt.NDArray[np.uint64]
    trade_price: _Float
    trade_size: _Float

    @property
    def span(self) -> tuple[int, int]:
        return int(self.touch_ns[0]), int(self.touch_ns[-1])


def cross_check(
    paths: Sequence[str | Path],
    against: Sequence[str | Path],
    *,
    within_bps: float = 1.0,
    skip_bad_lines: bool = False,
    unsynchronised: bool = False,
    market: str | None = None,
) -> list[CrossCheck]:
    """Compares each instrument of ``paths`` with the same one of ``against``, or else with each one of its asset.

    Both captures are held in memory whole, by their touches and trades.

    Raises:
        UsageError: the two have no instrument or asset in common.
        DataError: a capture cannot be used, or has no touch at all.
    """
    firsts = _sources(paths, skip_bad_lines, unsynchronised, market)
    seconds = _sources(against, skip_bad_lines, unsynchronised, market)
    checks = []
    for first in firsts:
        same = [second for second in seconds if second.key == first.key]
        for second in same or [second for second in seconds if second.asset == first.asset]:
            checks.append(_compare(first, second, within_bps))
    if not checks:
        raise UsageError(
            f"nothing to compare: {', '.join(s.key for s in firsts)} and {', '.join(s.key for s in seconds)} "
            "have no instrument or asset in common"
        )
    return checks


def base_asset(symbol: str) -> str:
    """``BTC`` of ``BTCUSDT``, ``BTCUSD_PERP``, ``BTC-USDT-SWAP`` or ``PI_XBTUSD``."""
    parts = [part for part in re.split(r"[^A-Z0-9]+", symbol.upper()) if part not in ("", "PI", "PF", "FI")]
    name = parts[0] if parts else symbol.upper()
    for quote in QUOTES:
        if name.endswith(quote) and len(name) > len(quote):
            name = name[: -len(quote)]
            break
    return {"XBT": "BTC"}.get(name, name)


def _sources(
    paths: Sequence[str | Path], skip_bad_lines: bool, unsynchronised: bool, market: str | None
) -> list[_Source]:
    found = []
    for names, _ in group_streams(expand_paths(paths), skip_bad_lines, market):
        symbols, fault = read_touches(
            names, skip_bad_lines=skip_bad_lines, unsynchronised=unsynchronised, market=market
        )
        if fault is not None:
            raise DataError(fault)
        for columns in symbols:
            key = columns["instrument"]
            if not len(columns["touch_ns"]):
                raise DataError(f"{key}: not one usable touch to compare; {', '.join(names)}")
            scale, bid, ask = columns["price_scale"], columns["bid"], columns["ask"]
            mid = np.where(bid > 0, (bid.astype(np.float64) + ask) / (2.0 * scale), np.nan)
            found.append(
                _Source(
                    key=key,
                    asset=base_asset(columns["symbol"]),
                    offset_ms=columns["clock_offset_ns"] / 1e6,
                    touch_ns=columns["touch_ns"],
                    mid=mid,
                    trade_ns=columns["trade_ns"],
                    trade_id=columns["trade_id"],
                    trade_price=columns["trade_price"] / scale,
                    trade_size=columns["trade_size"] / columns["size_scale"],
                )
            )
    return found


def _compare(first: _Source, second: _Source, within_bps: float) -> CrossCheck:
    start = max(first.span[0], second.span[0])
    end = min(first.span[1], second.span[1])
    grid = np.arange(-(-start // GRID_NS), end // GRID_NS + 1, dtype=np.int64) * GRID_NS
    mids = _at(first, grid), _at(second, grid)
    both = ~np.isnan(mids[0]) & ~np.isnan(mids[1])
    difference = (mids[0][both] - mids[1][both]) / mids[1][both] * 1e4
    distance = np.abs(difference)
    some = bool(len(difference))
    lag_ms, correlation = _best_lag(first, second, start, end)
    same = first.key == second.key
    inside = [_inside(source, other) for source, other in ((first, second), (second, first))]
    missing_first, missing_second, unequal = (
        _compare_trades(first, second, inside) if same else (None, None, None)
    )
    return CrossCheck(
        first=first.key,
        second=second.key,
        same_instrument=same,
        overlap_s=max(0, end - start) / 1e9,
        compared_share=float(both.mean()) if len(grid) else 0.0,
        median_difference_bps=float(np.median(difference)) if some else None,
        median_absolute_difference_bps=float(np.median(distance)) if some else None,
        p99_absolute_difference_bps=float(np.quantile(distance, 0.99)) if some else None,
        within_bps=within_bps,
        within_share=float((distance <= within_bps).mean()) if some else None,
        clock_lag_ms=lag_ms,
        lag_correlation=correlation,
        receive_clock_difference_ms=first.offset_ms - second.offset_ms,
        trades_first=int(inside[0].sum()),
        trades_second=int(inside[1].sum()),
        missing_in_first=missing_first,
        missing_in_second=missing_second,
        unequal_trades=unequal,
    )


def _at(source: _Source, times: _Int) -> _Float:
    """The mid known at each time: that of the last change at or before it."""
    index = np.searchsorted(source.touch_ns, times, side="right") - 1
    return np.where(index >= 0, source.mid[np.maximum(index, 0)], np.nan)


def _changes(source: _Source, start: int, end: int) -> tuple[_Int, _Float]:
    """Log mids at their changes between two times, one for each time."""
    keep = ~np.isnan(source.mid) & (source.touch_ns >= start) & (source.touch_ns <= end)
    times, mids = source.touch_ns[keep], source.mid[keep]
    if not len(times):
        return times, mids
    last = np.append(times[1:] != times[:-1], True)
    times, mids = times[last], mids[last]
    moved = np.append(True, mids[1:] != mids[:-1])
    return times[moved], np.log(mids[moved])


def _best_lag(first: _Source, second: _Source, start: int, end: int) -> tuple[float | None, float | None]:
    one, other = _changes(first, start, end), _changes(second, start, end)
    if len(one[0]) < 2 or len(other[0]) < 2:
        return None, None

    def best(lags_ms: range) -> tuple[int, float]:
        lags = np.array(lags_ms, dtype=np.int64) * 1_000_000
        _, correlations = hayashi_yoshida_curve(one[0], one[1], other[0], other[1], lags)
        if np.isnan(correlations).all():
            return 0, float("nan")
        # Of equal peaks the one nearest to no lag at all.
        peak = max(range(len(lags_ms)), key=lambda i: (correlations[i], -abs(lags_ms[i])))
        return lags_ms[peak], float(correlations[peak])

    coarse, correlation = best(range(-LARGEST_LAG_MS, LARGEST_LAG_MS + 1, COARSE_LAG_MS))
    if not correlation > SMALLEST_CORRELATION:
        return None, None
    lag_ms, correlation = best(range(coarse - COARSE_LAG_MS, coarse + COARSE_LAG_MS + 1))
    return float(lag_ms), correlation


def _inside(source: _Source, other: _Source) -> npt.NDArray[np.bool_]:
    """Trades strictly between the ends of the trades of both: at the ends one may have begun in mid-millisecond."""
    if not len(source.trade_ns) or not len(other.trade_ns):
        return np.zeros(len(source.trade_ns), dtype=np.bool_)
    start = max(source.trade_ns.min(), other.trade_ns.min())
    end = min(source.trade_ns.max(), other.trade_ns.max())
    inside: npt.NDArray[np.bool_] = (source.trade_ns > start) & (source.trade_ns < end)
    return inside


def _compare_trades(
    first: _Source, second: _Source, inside: list[npt.NDArray[np.bool_]]
) -> tuple[int | None, int | None, int | None]:
    """(missing in first, missing in second, unequal) by trade id."""
    ids = [source.trade_id[chosen] for source, chosen in zip((first, second), inside, strict=True)]
    if any(not len(some) or not some.all() for some in ids):
        return None, None, None
    _, at_first, at_second = np.intersect1d(first.trade_id, second.trade_id, return_indices=True)
    if not len(at_first):
        # Single trades and aggregated ones are numbered apart.
        return None, None, None
    # Whether a trade is missing is asked of everything the other has: clocks may differ at the ends.
    missing_second = len(np.setdiff1d(ids[0], second.trade_id))
    missing_first = len(np.setdiff1d(ids[1], first.trade_id))
    unequal = (first.trade_price[at_first] != second.trade_price[at_second]) | (
        first.trade_size[at_first] != second.trade_size[at_second]
    )
    return missing_first, missing_second, int(unequal.sum())
