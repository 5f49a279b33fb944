"""Trade features in plain Python: the oracle of the streaming kernels.

Everything is computed from whole histories by the textbook definition, never streamed. Histories are in order of
arrival; prices and sizes are in any unit, and results are in that unit. A value is None where it is undefined; the
kernels' rule that a fading mean ends 64 half-lives after its last term is left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import mean, median
from typing import NamedTuple

SECOND = 10**9
HOUR = 3600 * SECOND


class Trade(NamedTuple):
    local_ns: int
    price: float
    size: float
    sign: int
    """+1 where the buyer was the aggressor, -1 where the seller was."""


class Touch(NamedTuple):
    local_ns: int
    mid: float | None
    """None from where the touch was lost."""


class Event(NamedTuple):
    """A trade or a touch, for the kernels that need the order of arrival among equal times."""

    trade: Trade | None = None
    touch: Touch | None = None

    @property
    def local_ns(self) -> int:
        event = self.trade or self.touch
        assert event is not None
        return event.local_ns


def merge(trades: Sequence[Trade], touches: Sequence[Touch]) -> list[Event]:
    """Events in order of time, a touch before a trade of the same time."""
    events = [Event(touch=touch) for touch in touches] + [Event(trade=trade) for trade in trades]
    return sorted(events, key=lambda event: (event.local_ns, event.trade is not None))


# Trade flow


def trade_flow_imbalance(trades: Sequence[Trade]) -> float | None:
    """(Vbuy - Vsell) / (Vbuy + Vsell)."""
    total = sum(trade.size for trade in trades)
    return sum(trade.sign * trade.size for trade in trades) / total if total else None


def trade_flow_window(trades: Sequence[Trade], now: int, window_ns: int, buckets: int = 64) -> float | None:
    """Of the trades from `buckets` whole sub-buckets before the first grid time at or after `now`, up to `now`."""
    width = -(-window_ns // buckets)
    end = -(-now // width) * width
    return trade_flow_imbalance([t for t in trades if end - buckets * width <= t.local_ns <= now])


def vpin(trades: Sequence[Trade], bucket_volume: int, buckets: int) -> float | None:
    """Easley, López de Prado, O'Hara (2012); integer sizes, one unit after the other goes into its bucket."""
    units = [trade.sign for trade in trades for _ in range(int(trade.size))]
    starts = range(0, len(units) - bucket_volume + 1, bucket_volume)
    imbalances = [abs(sum(units[start : start + bucket_volume])) / bucket_volume for start in starts]
    return mean(imbalances[-buckets:]) if len(imbalances) >= buckets else None


def normal_distribution(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2))


def bulk_volume_vpin(price_changes: Sequence[float], standard_deviation: float) -> float:
    """VPIN of equal-volume bars, the bought share of each being the normal distribution function of dP / sigma."""
    bought = [normal_distribution(change / standard_deviation) for change in price_changes]
    return mean(abs(share - (1 - share)) for share in bought)


# Price impact and spreads


def slope(x: Sequence[float], y: Sequence[float]) -> float | None:
    """Ordinary least squares with intercept; None where x does not vary."""
    if len(set(x)) < 2:
        return None
    mean_x, mean_y = mean(x), mean(y)
    cross = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    return cross / sum((a - mean_x) ** 2 for a in x)


def mid_at(touches: Sequence[Touch], time: int) -> float | None:
    """The mid last set at or before `time`."""
    known = [touch.mid for touch in touches if touch.local_ns <= time]
    return known[-1] if known else None


def kyle_observations(
    trades: Sequence[Trade], touches: Sequence[Touch], now: int, interval_ns: int, intervals: int
) -> list[tuple[float, float]]:
    """(Signed volume, mid change) of the last intervals that ended by `now`, void ones left out.

    Only what came after the last silence of more than an hour counts.
    """
    times = [trade.local_ns for trade in trades] + [touch.local_ns for touch in touches]
    times = sorted(time for time in times if time <= now)
    if not times or now - times[-1] > HOUR:
        return []
    begin = times[0]
    for before, after in pairwise(times):
        if after - before > HOUR:
            begin = after
    trades = [trade for trade in trades if trade.local_ns >= begin]
    touches = [touch for touch in touches if touch.local_ns >= begin]
    rows = []
    current = now // interval_ns
    for number in range(current - intervals, current):
        start, end = number * interval_ns, (number + 1) * interval_ns
        if any(touch.mid is None and start <= touch.local_ns < end for touch in touches):
            continue
        # The mid prevailing at a grid time was set before it.
        opening, closing = mid_at(touches, start - 1), mid_at(touches, end - 1)
        if opening is not None and closing is not None:
            signed = sum(t.sign * t.size for t in trades if start <= t.local_ns < end)
            rows.append((signed, closing - opening))
    return rows


def kyle_lambda(
    trades: Sequence[Trade],
    touches: Sequence[Touch],
    now: int,
    interval_ns: int = SECOND,
    intervals: int = 300,
    minimum: int = 30,
) -> float | None:
    """Slope of the mid change on the signed volume of clock intervals (Kyle 1985)."""
    rows = kyle_observations(trades, touches, now, interval_ns, intervals)
    return slope([x for x, _ in rows], [y for _, y in rows]) if len(rows) >= minimum else None


def roll_spread(prices: Sequence[float]) -> float | None:
    """Roll (1984): 2 sqrt(-cov(dP_t, dP_t-1)), divisor n - 1; None where the covariance is not negative."""
    changes = [after - before for before, after in pairwise(prices)]
    earlier, later = changes[:-1], changes[1:]
    mean_earlier, mean_later = mean(earlier), mean(later)
    products = [(a - mean_earlier) * (b - mean_later) for a, b in zip(earlier, later, strict=True)]
    covariance = sum(products) / (len(products) - 1)
    return 2 * math.sqrt(-covariance) if covariance < 0 else None


@dataclass(frozen=True, slots=True)
class Spreads:
    """Effective and realised spread and price impact, in basis points of the mid before the trade."""

    effective: float | None
    realised: float | None
    impact: float | None


def spreads_of_trade(sign: int, price: float, mid: float, delayed_mid: float) -> Spreads:
    """2D(P - M0), 2D(P - Md), 2D(Md - M0): the first is the sum of the others."""
    scale = 2 * sign / mid * 1e4
    return Spreads(scale * (price - mid), scale * (price - delayed_mid), scale * (delayed_mid - mid))


def weighted_mean(rows: Sequence[tuple[float, float]]) -> float | None:
    """Of (value, weight)."""
    total = sum(weight for _, weight in rows)
    return sum(value * weight for value, weight in rows) / total if total else None


def trade_spreads(events: Sequence[Event], now: int, horizon_ns: int, half_life_ns: float) -> Spreads:
    """Means weighted by size x 2^(-age / half-life) over the events received before `now`.

    The mid of a trade is the last one received before it. The delayed mid is the last one at or before trade time +
    horizon, known once that time has passed.
    """
    touches = [event.touch for event in events if event.touch is not None]
    effective, realised, impact = [], [], []
    mid: float | None = None
    for event in events:
        if event.touch is not None:
            mid = event.touch.mid
        trade = event.trade
        if trade is None or mid is None:
            continue
        weight = trade.size * 2 ** (-(now - trade.local_ns) / half_life_ns)
        due = trade.local_ns + horizon_ns
        delayed = mid_at(touches, due)
        whole = spreads_of_trade(trade.sign, trade.price, mid, mid).effective
        assert whole is not None
        effective.append((whole, weight))
        if due < now and delayed is not None:
            parts = spreads_of_trade(trade.sign, trade.price, mid, delayed)
            assert parts.realised is not None
            assert parts.impact is not None
            realised.append((parts.realised, weight))
            impact.append((parts.impact, weight))
    return Spreads(weighted_mean(effective), weighted_mean(realised), weighted_mean(impact))


# Rates


@dataclass(frozen=True, slots=True)
class Rates:
    trades_per_second: float | None
    volume_per_second: float | None
    count_imbalance: float | None


def trade_rates(trades: Sequence[Trade], started: int, now: int, half_life_ns: float) -> Rates:
    """Sums weighted by 2^(-age / half-life) per weighted second; rates are undefined for the first half-life."""

    def weight(time: int) -> float:
        return float(2 ** (-(now - time) / half_life_ns))

    count = sum(weight(trade.local_ns) for trade in trades)
    volume = sum(weight(trade.local_ns) * trade.size for trade in trades)
    signed = sum(weight(trade.local_ns) * trade.sign for trade in trades)
    imbalance = signed / count if trades else None
    if now - started < half_life_ns:
        return Rates(None, None, imbalance)
    seconds = half_life_ns / SECOND / math.log(2) * (1 - weight(started))
    return Rates(count / seconds, volume / seconds, imbalance)


# Outlier prints


def median_absolute_deviation(values: Sequence[float]) -> float:
    centre = median(values)
    return median(abs(value - centre) for value in values)


def robust_z(value: float, values: Sequence[float]) -> float | None:
    """0.6745 (x - median) / MAD (Iglewicz, Hoaglin 1993); None where the MAD is zero."""
    deviation = median_absolute_deviation(values)
    return 0.6745 * (value - median(values)) / deviation if deviation else None


def outlier_prints(
    trades: Sequence[Trade], width: int = 101, cut: float = 3.5, minimum_bps: float = 50.0
) -> list[bool | None]:
    """For each print whether it lies off the `width` before it; None where fewer follow a silence of an hour."""
    verdicts: list[bool | None] = []
    begin = 0
    for i, trade in enumerate(trades):
        if i > 0 and trade.local_ns - trades[i - 1].local_ns > HOUR:
            begin = i
        window = [other.price for other in trades[max(begin, i - width) : i]]
        if len(window) < width:
            verdicts.append(None)
            continue
        centre = median(window)
        distance = abs(trade.price - centre)
        z = robust_z(trade.price, window)
        far = distance > 0 and distance * 1e4 >= minimum_bps * centre
        verdicts.append(far and (z is None or abs(z) > cut))
    return verdicts


# Bars


@dataclass(frozen=True, slots=True)
class Bar:
    start_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    buy_volume: float
    notional: float
    trades: int
    filled: bool = False

    @property
    def vwap(self) -> float | None:
        return self.notional / self.volume if self.volume else None


def bar_of(start_ns: int, trades: Sequence[Trade]) -> Bar:
    prices = [trade.price for trade in trades]
    return Bar(
        start_ns=start_ns,
        open=prices[0],
        high=max(prices),
        low=min(prices),
        close=prices[-1],
        volume=sum(trade.size for trade in trades),
        buy_volume=sum(trade.size for trade in trades if trade.sign > 0),
        notional=sum(trade.price * trade.size for trade in trades),
        trades=len(trades),
    )


def time_bars(trades: Sequence[Trade], step_ns: int) -> list[Bar]:
    """Bars of the epoch's grid, the last (open) one included; silences under an hour are filled, others are holes."""
    groups: dict[int, list[Trade]] = {}
    for trade in trades:
        groups.setdefault(trade.local_ns // step_ns * step_ns, []).append(trade)
    bars: list[Bar] = []
    before: Trade | None = None
    for start, group in sorted(groups.items()):
        if before is not None and group[0].local_ns - before.local_ns < HOUR:
            last = before.price
            empty = range(before.local_ns // step_ns * step_ns + step_ns, start, step_ns)
            bars += [Bar(at, last, last, last, last, 0, 0, 0, 0, filled=True) for at in empty]
        bars.append(bar_of(start, group))
        before = group[-1]
    return bars


def threshold_bars(
    trades: Sequence[Trade], threshold: float, *, by_notional: bool
) -> tuple[list[Bar], Bar | None]:
    """Volume or money bars, and the unfinished one: a trade is not split and closes the bar it completes."""
    bars: list[Bar] = []
    group: list[Trade] = []
    for trade in trades:
        group.append(trade)
        if sum(t.size * (t.price if by_notional else 1) for t in group) >= threshold:
            bars.append(bar_of(group[0].local_ns, group))
            group = []
    return bars, bar_of(group[0].local_ns, group) if group else None


def average_true_range(
    highs: Sequence[float], lows: Sequence[float], closes: Sequence[float], length: int = 14
) -> list[float | None]:
    """Wilder (1978): the mean of the first true ranges, from the second bar on, then his recursion."""
    ranges = [
        max(high - low, abs(high - before), abs(low - before))
        for high, low, before in zip(highs[1:], lows[1:], closes, strict=False)
    ]
    values: list[float | None] = [None] * min(length, len(closes))
    if len(ranges) >= length:
        value = mean(ranges[:length])
        values.append(value)
        for true_range in ranges[length:]:
            value = (value * (length - 1) + true_range) / length
            values.append(value)
    return values
