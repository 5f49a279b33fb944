"""Slow features bar by bar, in memory that does not grow: what :func:`intraday` and :func:`daily` tell of whole frames.

Means, sums and recursions are taken in the order of the bars, so values agree with those of the frames to rounding and
do not depend on how the stream was cut.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aurora.features.bar_frames import DAY_NS

MINUTE_NS = 60_000_000_000
INTRADAY_COLUMNS = (
    "close",
    "return_15m",
    "return_30m",
    "return_60m",
    "volume_ratio",
    "session_vwap",
    "session_vwap_deviation",
    "opening_range_high",
    "opening_range_low",
    "opening_range_position",
    "average_true_range",
)
DAILY_COLUMNS = (
    "open",
    "high",
    "low",
    "close",
    "volume",
    *(f"return_{days}d" for days in (1, 5, 21, 63, 126, 252)),
    "volatility_21d",
    "volatility_63d",
    "average_20d",
    "average_50d",
    "average_200d",
    "average_true_range",
)
_NAN = math.nan
_RETURN_MINUTES = (15, 30, 60)
_RETURN_DAYS = (1, 5, 21, 63, 126, 252)
_RANGE_LENGTH = 14
_DAYS_KEPT = 253


@dataclass(frozen=True, slots=True)
class StreamedBar:
    """One bar of trades. Prices in quote currency, volume in size quanta."""

    start_ns: int
    end_ns: int
    known_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: int
    notional: float
    filled: bool
    complete: bool


@dataclass(frozen=True, slots=True)
class SlowRow:
    """Features of one bar or day, NaN where undefined."""

    start_ns: int
    end_ns: int
    known_ns: int
    values: Mapping[str, float]


class TrueRange:
    """Average true range (Wilder 1978) over 14 bars, begun anew by :meth:`reset`."""

    __slots__ = ("_before", "_count", "value")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._before: float | None = None
        self._count = 0
        self.value = 0.0

    def update(self, high: float, low: float, close: float) -> float:
        """The average with this bar; NaN before there are 14 true ranges."""
        before, self._before = self._before, close
        if before is None:
            return _NAN
        true_range = max(high, before) - min(low, before)
        self._count += 1
        if self._count < _RANGE_LENGTH:
            self.value += true_range
            return _NAN
        if self._count == _RANGE_LENGTH:
            self.value = (self.value + true_range) / _RANGE_LENGTH
        else:
            self.value += (true_range - self.value) / _RANGE_LENGTH
        return self.value

    def state(self) -> list[Any]:
        return [None if self._before is None else self._before.hex(), self._count, self.value.hex()]

    def load(self, state: list[Any]) -> None:
        before, self._count, value = state
        self._before = None if before is None else float.fromhex(before)
        self.value = float.fromhex(value)


class IntradayTracker:
    """Features within the UTC day of one instrument; see :func:`aurora.features.intraday`.

    Args:
        bar_ns: length of the bars; divides 15 minutes.
        size_scale: size quanta per unit of size.
    """

    def __init__(
        self, bar_ns: int, size_scale: int, *, opening_range_minutes: int = 30, volume_bars: int = 20
    ):
        self._bar_ns = bar_ns
        self._size_scale = size_scale
        self._opening_ns = opening_range_minutes * MINUTE_NS
        self._volume_bars = volume_bars
        self._closes: deque[float] = deque(maxlen=60 * MINUTE_NS // bar_ns + 1)
        self._volumes: deque[int] = deque(maxlen=volume_bars)
        self._range = TrueRange()
        self._end_ns: int | None = None
        self._session: list[Any] = [-1, 0, 0, 0.0, 0, None, None]
        """Day, bars in it, volume, notional, bars of the opening range, its high and low."""

    def update(self, bar: StreamedBar) -> SlowRow | None:
        """The row of a complete bar; None for one that began before observation did."""
        if not bar.complete:
            return None
        if bar.start_ns != self._end_ns:
            self._closes.clear()
            self._volumes.clear()
            self._range.reset()
        self._end_ns = bar.end_ns
        values: dict[str, float] = {"close": bar.close}
        for minutes in _RETURN_MINUTES:
            back = minutes * MINUTE_NS // self._bar_ns
            enough = len(self._closes) >= back
            values[f"return_{minutes}m"] = bar.close / self._closes[-back] - 1 if enough else _NAN
        earlier = sum(self._volumes) if len(self._volumes) == self._volume_bars else 0
        values["volume_ratio"] = bar.volume / (earlier / self._volume_bars) if earlier > 0 else _NAN
        self._closes.append(bar.close)
        self._volumes.append(bar.volume)
        self._of_session(bar, values)
        values["average_true_range"] = self._range.update(bar.high, bar.low, bar.close)
        return SlowRow(bar.start_ns, bar.end_ns, bar.known_ns, values)

    def _of_session(self, bar: StreamedBar, values: dict[str, float]) -> None:
        day = bar.start_ns // DAY_NS
        since = bar.end_ns - day * DAY_NS
        if self._session[0] != day:
            self._session = [day, 0, 0, 0.0, 0, None, None]
        session = self._session
        session[1] += 1
        session[2] += bar.volume
        session[3] += bar.notional
        if since <= self._opening_ns:
            session[4] += 1
            if not bar.filled:
                session[5] = bar.high if session[5] is None else max(session[5], bar.high)
                session[6] = bar.low if session[6] is None else min(session[6], bar.low)
        _, bars, volume, notional, opening, high, low = session
        whole = bars * self._bar_ns == since and volume > 0
        vwap = notional / (volume / self._size_scale) if whole else _NAN
        values["session_vwap"] = vwap
        values["session_vwap_deviation"] = bar.close / vwap - 1 if whole else _NAN
        known = opening * self._bar_ns == self._opening_ns and since >= self._opening_ns and high is not None
        values["opening_range_high"] = high if known else _NAN
        values["opening_range_low"] = low if known else _NAN
        wide = known and high > low
        values["opening_range_position"] = (bar.close - low) / (high - low) if wide else _NAN

    def state(self) -> dict[str, Any]:
        day, bars, volume, notional, opening, high, low = self._session
        return {
            "closes": [value.hex() for value in self._closes],
            "volumes": list(self._volumes),
            "range": self._range.state(),
            "end_ns": self._end_ns,
            "session": [day, bars, volume, notional.hex(), opening, _hex(high), _hex(low)],
        }

    def load(self, state: Mapping[str, Any]) -> None:
        self._closes.clear()
        self._closes.extend(float.fromhex(value) for value in state["closes"])
        self._volumes.clear()
        self._volumes.extend(state["volumes"])
        self._range.load(state["range"])
        self._end_ns = state["end_ns"]
        day, bars, volume, notional, opening, high, low = state["session"]
        self._session = [day, bars, volume, float.fromhex(notional), opening, _float(high), _float(low)]


class BarMerger:
    """Longer bars from shorter ones of one instrument, each known once its end has passed; a long bar is complete
    where every short bar in it is there and complete."""

    def __init__(self, bar_ns: int, long_ns: int):
        self._bar_ns = bar_ns
        self._long_ns = long_ns
        self._open: list[Any] | None = None
        """Start, bars, all complete, known, open, high, low, close, volume, notional, any trade."""

    def update(self, bar: StreamedBar) -> StreamedBar | None:
        """Takes the next short bar; answers with the long bar that it ends, where all of it was seen."""
        start = bar.start_ns // self._long_ns * self._long_ns
        if self._open is None or self._open[0] != start:
            self._open = [start, 0, True, 0, None, None, None, bar.close, 0, 0.0, False]
        one = self._open
        one[1] += 1
        one[2] = one[2] and bar.complete
        one[3] = max(one[3], bar.known_ns)
        if not bar.filled:
            one[4] = bar.open if one[4] is None else one[4]
            one[5] = bar.high if one[5] is None else max(one[5], bar.high)
            one[6] = bar.low if one[6] is None else min(one[6], bar.low)
            one[10] = True
        one[7], one[8], one[9] = bar.close, one[8] + bar.volume, one[9] + bar.notional
        if bar.end_ns != start + self._long_ns:
            return None
        self._open = None
        _, bars, whole, known_ns, opened, high, low, close, volume, notional, traded = one
        return StreamedBar(
            start,
            bar.end_ns,
            max(known_ns, bar.end_ns),
            close if opened is None else opened,
            close if high is None else high,
            close if low is None else low,
            close,
            volume,
            notional,
            not traded,
            whole and bars * self._bar_ns == self._long_ns,
        )

    def state(self) -> list[Any] | None:
        if self._open is None:
            return None
        floats = {4, 5, 6, 7, 9}
        return [_hex(value) if place in floats else value for place, value in enumerate(self._open)]

    def load(self, state: list[Any] | None) -> None:
        floats = {4, 5, 6, 7, 9}
        self._open = None
        if state is not None:
            self._open = [_float(value) if place in floats else value for place, value in enumerate(state)]


class DailyTracker:
    """Features from day to day of one instrument; see :func:`aurora.features.daily`.

    Only days that were observed from midnight to midnight and had a trade are known; behind a missing day returns that
    reach over it still compare the days they name, everything else begins anew.
    """

    def __init__(self, size_scale: int) -> None:
        self._size_scale = size_scale
        self._closes: dict[int, float] = {}
        """By day since the epoch, the latest ones."""
        self._range = TrueRange()
        self._last: int | None = None

    def update(self, bar: StreamedBar) -> SlowRow | None:
        """The row of a complete day."""
        if not bar.complete or bar.filled:
            return None
        day = bar.start_ns // DAY_NS
        if self._last != day - 1:
            self._range.reset()
        self._last = day
        self._closes[day] = bar.close
        for old in [d for d in self._closes if d <= day - _DAYS_KEPT]:
            del self._closes[old]
        closes = self._closes
        values = {
            "open": bar.open,
            "high": bar.high,
            "low": bar.low,
            "close": bar.close,
            "volume": bar.volume / self._size_scale,
        }
        for days in _RETURN_DAYS:
            before = closes.get(day - days)
            values[f"return_{days}d"] = _NAN if before is None else bar.close / before - 1
        run = 0
        while day - run in closes:
            run += 1
        for days in (21, 63):
            values[f"volatility_{days}d"] = self._volatility(day, days) if run > days else _NAN
        for days in (20, 50, 200):
            values[f"average_{days}d"] = (
                math.fsum(closes[day - back] for back in range(days)) / days if run >= days else _NAN
            )
        values["average_true_range"] = self._range.update(bar.high, bar.low, bar.close)
        return SlowRow(bar.start_ns, bar.end_ns, bar.known_ns, values)

    def _volatility(self, day: int, days: int) -> float:
        closes = self._closes
        returns = [math.log(closes[day - n] / closes[day - n - 1]) for n in range(days)]
        mean = math.fsum(returns) / days
        return math.sqrt(math.fsum((r - mean) ** 2 for r in returns) / (days - 1) * 365)

    def state(self) -> dict[str, Any]:
        closes = [[day, close.hex()] for day, close in self._closes.items()]
        return {"closes": closes, "range": self._range.state(), "last": self._last}

    def load(self, state: Mapping[str, Any]) -> None:
        self._closes = {day: float.fromhex(close) for day, close in state["closes"]}
        self._range.load(state["range"])
        self._last = state["last"]


def _hex(value: float | None) -> str | None:
    return None if value is None else value.hex()


def _float(text: str | None) -> float | None:
    return None if text is None else float.fromhex(text)
