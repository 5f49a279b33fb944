"""Quotes and trades of a block in plain numpy, and the statistics that planted truth is looked for with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aurora._core import MarketBlock

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Touches:
    """Tickers and trades by exchange time, prices and sizes in quanta."""

    time_ns: Ints
    bid: Ints
    ask: Ints
    bid_size: Ints
    ask_size: Ints
    trade_ns: Ints
    trade_price: Ints
    trade_size: Ints
    trade_is_buy: npt.NDArray[np.bool_]

    @property
    def mid(self) -> Floats:
        return (self.bid + self.ask) / 2.0

    def mid_at(self, times: Ints) -> Floats:
        place = np.searchsorted(self.time_ns, times, side="right") - 1
        return self.mid[np.maximum(place, 0)]

    def returns_bps(self, step_ns: int) -> Floats:
        grid = np.arange(self.time_ns[0], self.time_ns[-1], step_ns)
        return np.diff(np.log(self.mid_at(grid))) * 1e4


def touches_of(block: MarketBlock) -> Touches:
    columns = block.columns()
    kind, owner = columns["kind"], columns["level_message"]
    price, size = columns["level_price"], columns["level_size"]
    of_ticker = kind[owner] == 2
    tickers = price[of_ticker].reshape(-1, 2)
    sizes = size[of_ticker].reshape(-1, 2)
    trades = np.flatnonzero(kind == 3)
    of_trade = kind[owner] == 3
    exchange_ns = columns["exchange_ns"]
    return Touches(
        exchange_ns[kind == 2],
        tickers[:, 0],
        tickers[:, 1],
        sizes[:, 0],
        sizes[:, 1],
        exchange_ns[trades],
        price[of_trade],
        size[of_trade],
        (columns["flags"][trades] & 2) == 0,
    )


def lagged_correlations(leader: Touches, follower: Touches, lags_ms: range, step_ms: int) -> Floats:
    """Correlation of returns on a common grid with the follower's taken so much later, lag by lag."""
    begin = max(leader.time_ns[0], follower.time_ns[0])
    end = min(leader.time_ns[-1], follower.time_ns[-1])
    grid = np.arange(begin, end, step_ms * 1_000_000)
    x = np.diff(np.log(leader.mid_at(grid)))
    y = np.diff(np.log(follower.mid_at(grid)))
    found = []
    for lag_ms in lags_ms:
        lag = lag_ms // step_ms
        a, b = (x[: len(x) - lag], y[lag:]) if lag >= 0 else (x[-lag:], y[: len(y) + lag])
        found.append(float(np.corrcoef(a, b)[0, 1]))
    return np.array(found)


def maker_markouts_bps(
    touches: Touches, orders: Iterable[tuple[int, bool]], life_ns: int, horizon_ns: int
) -> Floats:
    """Gains, at the mid so long after they were filled, of orders (time, whether to buy) that join the best price.

    An order rests for its life behind what is displayed. Trades at its price eat what is ahead of it; it is filled by
    what they have left, or by a trade beyond its price, or when the other side's quote reaches it.
    """
    gains = []
    for placed, buys in orders:
        row = int(np.searchsorted(touches.time_ns, placed, side="right")) - 1
        price = int(touches.bid[row] if buys else touches.ask[row])
        ahead = int(touches.bid_size[row] if buys else touches.ask_size[row])
        filled_ns = None
        first, last = np.searchsorted(touches.trade_ns, (placed, placed + life_ns), side="right")
        for trade in range(int(first), int(last)):
            if bool(touches.trade_is_buy[trade]) == buys:
                continue
            beyond = (price - int(touches.trade_price[trade])) * (1 if buys else -1)
            if beyond == 0:
                ahead -= int(touches.trade_size[trade])
            if beyond > 0 or (beyond == 0 and ahead < 0):
                filled_ns = int(touches.trade_ns[trade])
                break
        first, last = np.searchsorted(touches.time_ns, (placed, placed + life_ns), side="right")
        other = touches.ask[first:last] <= price if buys else touches.bid[first:last] >= price
        if other.any():
            crossed_ns = int(touches.time_ns[first + int(np.argmax(other))])
            filled_ns = crossed_ns if filled_ns is None else min(filled_ns, crossed_ns)
        if filled_ns is not None:
            later = float(touches.mid_at(np.array([filled_ns + horizon_ns]))[0])
            gains.append((later - price) / price * 1e4 * (1 if buys else -1))
    return np.array(gains)
