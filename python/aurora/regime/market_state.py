"""What the classifier looks at, taken from 15-minute bars."""

from __future__ import annotations

import math
import statistics
from collections import deque
from dataclasses import dataclass
from typing import Any

from aurora.errors import DataError
from aurora.regime.directional_index import AverageDirectionalIndex
from aurora.regime.settings import MarketStateSettings

MINUTE_NS = 60_000_000_000
DAY_NS = 1440 * MINUTE_NS


@dataclass(frozen=True, slots=True)
class MarketState:
    """Measures of one instrument; None is undefined.

    Raises:
        DataError: a number is not finite.
    """

    volume_ratio: float | None = None
    """Volume of the last hour over the usual one at this time of day."""
    spread_bps: float | None = None
    volatility: float | None = None
    """Realised volatility of the last 24 h, as a fraction of price: sqrt(sum r^2)."""
    change: float | None = None
    """Log return of the last 24 h."""
    directional_index: float | None = None
    """ADX, in [0, 100]."""

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if value is not None and not math.isfinite(value):
                raise DataError(
                    f"market state: {name} is {value}; it must be finite, or None where undefined"
                )

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of what is undefined."""
        return tuple(name for name in self.__slots__ if getattr(self, name) is None)


@dataclass(frozen=True, slots=True)
class RegimeBar:
    """One complete bar."""

    end_ns: int
    """End of its interval, not in it; a multiple of the bar's length."""
    high: float
    low: float
    close: float
    volume: float


class MarketStateTracker:
    """Takes bars of one instrument, answers with its :class:`MarketState`.

    Realised volatility is sqrt(sum r^2) of the log returns of the bars of the last 24 h, so it needs all 97 closes. A
    missing bar begins volatility, move and ADX anew. The usual volume is the median of the same hour's volume on the
    days before, as many as are known of the last ``usual_days``; None without any, or if it is 0.
    """

    def __init__(self, settings: MarketStateSettings):
        self.settings = settings
        self._bar_ns = settings.bar_minutes * MINUTE_NS
        self._span = settings.volatility_hours * 60 // settings.bar_minutes
        self._volume_bars = settings.volume_minutes // settings.bar_minutes
        self._index = AverageDirectionalIndex(settings.directional_index_length)
        self._end_ns: int | None = None
        self._close = 0.0
        self._returns: deque[float] = deque(maxlen=self._span)
        self._volumes: deque[float] = deque(maxlen=self._volume_bars)
        self._usual: dict[int, float] = {}
        """Volume of the span that ends with a bar, by its end; rising, of the last usual_days."""
        self._volatility: float | None = None
        self._change: float | None = None
        self._ratio: float | None = None

    def bar(self, bar: RegimeBar) -> None:
        """Takes the next complete bar.

        Raises:
            DataError: a price or volume that cannot be, or a bar that is not later than the one before or not on the
                grid; nothing has changed then.
        """
        self._check(bar)
        if self._end_ns is not None and bar.end_ns == self._end_ns + self._bar_ns:
            self._returns.append(math.log(bar.close / self._close))
        else:
            self._returns.clear()
            self._volumes.clear()
            self._index.reset()
        self._end_ns, self._close = bar.end_ns, bar.close
        self._index.update(bar.high, bar.low, bar.close)
        whole = len(self._returns) == self._span
        self._volatility = math.sqrt(math.fsum(r * r for r in self._returns)) if whole else None
        self._change = math.fsum(self._returns) if whole else None
        self._volumes.append(bar.volume)
        self._ratio = self._volume_ratio(bar.end_ns)

    def _check(self, bar: RegimeBar) -> None:
        prices = math.isfinite(bar.high) and 0 < bar.low <= bar.close <= bar.high
        if not prices or not (math.isfinite(bar.volume) and bar.volume >= 0):
            raise DataError(f"{bar}: prices must be positive, low <= close <= high, and volume not below 0")
        if bar.end_ns % self._bar_ns or (self._end_ns is not None and bar.end_ns <= self._end_ns):
            raise DataError(
                f"bar that ends at {bar.end_ns} after {self._end_ns}: not later, or not on the grid"
            )

    def _volume_ratio(self, end_ns: int) -> float | None:
        earliest = end_ns - self.settings.usual_days * DAY_NS
        while self._usual and (oldest := next(iter(self._usual))) < earliest:
            del self._usual[oldest]
        if len(self._volumes) < self._volume_bars:
            return None
        now = math.fsum(self._volumes)
        days = range(1, self.settings.usual_days + 1)
        before = [self._usual[end] for d in days if (end := end_ns - d * DAY_NS) in self._usual]
        self._usual[end_ns] = now
        usual = statistics.median(before) if before else 0.0
        return now / usual if usual > 0 else None

    def measured(self, now_ns: int, spread_bps: float | None) -> MarketState:
        """The state at ``now_ns``, with the spread of that time (its median since the last reading, say).

        What bars tell is undefined once the next two bars have ended without being known.

        Raises:
            DataError: the last bar ends after ``now_ns``, or the spread is not finite.
        """
        end = self._end_ns
        if end is not None and end > now_ns:
            raise DataError(f"the last bar ends at {end}, after {now_ns}: that would be a look ahead")
        if end is None or now_ns >= end + 2 * self._bar_ns:
            return MarketState(spread_bps=spread_bps)
        return MarketState(self._ratio, spread_bps, self._volatility, self._change, self._index.value)

    def state(self) -> dict[str, Any]:
        def text(values: Any) -> list[str | None]:
            return [None if value is None else value.hex() for value in values]

        return {
            "end_ns": self._end_ns,
            "close": self._close.hex(),
            "returns": text(self._returns),
            "volumes": text(self._volumes),
            "usual": [[end, volume.hex()] for end, volume in self._usual.items()],
            "measures": text((self._volatility, self._change, self._ratio)),
            "index": self._index.state(),
        }

    def load(self, state: dict[str, Any]) -> None:
        self._end_ns = state["end_ns"]
        self._close = float.fromhex(state["close"])
        self._returns = deque((float.fromhex(v) for v in state["returns"]), maxlen=self._span)
        self._volumes = deque((float.fromhex(v) for v in state["volumes"]), maxlen=self._volume_bars)
        self._usual = {end: float.fromhex(volume) for end, volume in state["usual"]}
        measures = (None if v is None else float.fromhex(v) for v in state["measures"])
        self._volatility, self._change, self._ratio = measures
        self._index.load(state["index"])
