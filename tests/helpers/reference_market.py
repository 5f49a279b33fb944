"""Feature rows of one instrument in plain Python: the oracle of the streaming kernels.

A row at grid time g knows the events received before g. The touch is the ladder's best levels, overlaid by a
ticker whose update id is beyond the ladder's. Everything is recomputed from whole histories, never streamed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from reference_book import Diff, ReferenceBook, read_line

STATES = {"synced": 0, "awaiting_snapshot": 1, "stale_gap": 2, "stale_snapshot_mismatch": 3}
Row = dict[str, float | int | None]
Touch = tuple[Decimal, Decimal, Decimal, Decimal]
"""Bid, its size, ask, its size."""


def order_flow(before: Touch, after: Touch) -> Decimal:
    """Cont, Kukanov, Stoikov (2014), both indicators true at an equal price."""
    bid0, bid_size0, ask0, ask_size0 = before
    bid1, bid_size1, ask1, ask_size1 = after
    flow = Decimal(0)
    if bid1 >= bid0:
        flow += bid_size1
    if bid1 <= bid0:
        flow -= bid_size0
    if ask1 <= ask0:
        flow -= ask_size1
    if ask1 >= ask0:
        flow += ask_size0
    return flow


@dataclass
class ReferenceMarket:
    sample_ns: int
    depth_levels: int = 5
    trade_half_life_ns: int = 10**9
    volatility_half_life_ns: int = 60 * 10**9
    volatility_minimum_changes: int = 10
    book: ReferenceBook = field(default_factory=ReferenceBook)
    ticker: tuple[int, Touch] | None = None
    touches: list[tuple[int, Touch | None]] = field(default_factory=list)
    """(receive time, touch) at each change; None where it was lost."""
    flows: list[tuple[int, Decimal | None]] = field(default_factory=list)
    """(receive time, order flow of a touch change); None where the touch was lost."""
    trades: list[tuple[int, Decimal, bool]] = field(default_factory=list)
    """(receive time, size, whether the buyer took)."""
    rows: list[Row] = field(default_factory=list)
    previous_grid: int | None = None
    next_grid: int | None = None

    def run(self, lines: Iterable[bytes]) -> list[Row]:
        """Rows of a whole capture of one symbol."""
        last = 0
        for line in lines:
            time = int(line.split(b" ", 1)[0])
            self.sample_through(time)
            if self.next_grid is None:
                self.next_grid = (time // self.sample_ns + 1) * self.sample_ns
            self.take(time, line)
            last = time
        self.sample_through(last)
        return self.rows

    def take(self, time: int, line: bytes) -> None:
        event = read_line(line).event
        if event is not None:
            if isinstance(event, Diff):
                self.book.on_diff(event)
            else:
                self.book.on_snapshot(event)
            self.see_touch(time)
            return
        data = json.loads(line.split(b" ", 1)[1])["data"]
        if data["e"] == "bookTicker":
            if self.ticker is None or data["u"] >= self.ticker[0]:
                self.ticker = (data["u"], tuple(Decimal(data[name]) for name in "bBaA"))  # type: ignore[assignment]
            self.see_touch(time)
        elif data.get("X", "MARKET") == "MARKET":
            self.trades.append((time, Decimal(data["q"]), not data["m"]))

    def touch(self) -> Touch | None:
        if self.book.state != "synced":
            return None
        touch: Touch | None = None
        if self.ticker is not None and self.ticker[0] > self.book.update_id:
            touch = self.ticker[1]
        elif self.book.bids and self.book.asks:
            bid, ask = max(self.book.bids), min(self.book.asks)
            touch = (bid, self.book.bids[bid], ask, self.book.asks[ask])
        return touch if touch is not None and touch[0] < touch[2] else None

    def see_touch(self, time: int) -> None:
        touch = self.touch()
        before = self.touches[-1][1] if self.touches else None
        if touch == before:
            return
        if touch is None:
            self.flows.append((time, None))
        elif before is not None:
            self.flows.append((time, order_flow(before, touch)))
        self.touches.append((time, touch))

    def sample_through(self, time: int) -> None:
        while self.next_grid is not None and self.next_grid <= time:
            self.rows.append(self.row(self.next_grid))
            self.previous_grid, self.next_grid = self.next_grid, self.next_grid + self.sample_ns

    def row(self, grid: int) -> Row:
        row: Row = dict.fromkeys(
            ("bid", "ask", "bid_size", "ask_size", "mid", "spread_bps", "obi_1", "obi_k", "weighted_mid")
        )
        row |= {"local_ns": grid, "book_state": STATES[self.book.state]}
        row |= {"ofi": None, "tfi": None, "realised_volatility": None}
        touch = self.touches[-1][1] if self.touches else None
        if touch is None:
            return row
        bid, bid_size, ask, ask_size = touch
        row |= {"bid": bid, "ask": ask, "bid_size": bid_size, "ask_size": ask_size}  # type: ignore[dict-item]
        mid = (bid + ask) / 2
        share = bid_size / (bid_size + ask_size)
        best_bids = sorted(self.book.bids, reverse=True)[: self.depth_levels]
        best_asks = sorted(self.book.asks)[: self.depth_levels]
        deep_bid = sum(self.book.bids[p] for p in best_bids)
        deep_ask = sum(self.book.asks[p] for p in best_asks)
        row["mid"] = float(mid)
        row["spread_bps"] = float((ask - bid) / mid * 10_000)
        row["obi_1"] = float((bid_size - ask_size) / (bid_size + ask_size))
        row["obi_k"] = float((deep_bid - deep_ask) / (deep_bid + deep_ask))
        row["weighted_mid"] = float(share * ask + (1 - share) * bid)
        row["ofi"] = self.flow_since_last_row()
        row["tfi"] = self.trade_flow(grid)
        row["realised_volatility"] = self.volatility(grid)
        return row

    def flow_since_last_row(self) -> float | None:
        losses = [n for n, (_, flow) in enumerate(self.flows) if flow is None]
        unbroken = self.flows[losses[-1] + 1 if losses else 0 :]
        if not unbroken:
            return None
        since = self.previous_grid if self.previous_grid is not None else -1
        return float(sum((flow for time, flow in unbroken if time >= since), Decimal(0)))  # type: ignore[misc]

    def trade_flow(self, grid: int) -> float | None:
        if not self.trades or grid - self.trades[-1][0] > 64 * self.trade_half_life_ns:
            return None
        sums = {True: 0.0, False: 0.0}
        for time, size, bought in self.trades:
            sums[bought] += float(size) * 2.0 ** (-(grid - time) / self.trade_half_life_ns)
        return (sums[True] - sums[False]) / (sums[True] + sums[False])

    def volatility(self, grid: int) -> float | None:
        """Square root of faded squared log mid changes over the faded time since the first mid, bps."""
        begin, before = None, None
        changes: list[tuple[int, float]] = []
        for time, touch in self.touches:
            mid = None if touch is None else float((touch[0] + touch[2]) / 2)
            if mid is not None and before is None and not changes:
                begin = time
            if mid is not None and before is not None and mid != before:
                changes.append((time, math.log(mid / before)))
            before = mid
        if len(changes) < self.volatility_minimum_changes or begin is None:
            return None
        half_life = self.volatility_half_life_ns
        squares = sum(c * c * 2.0 ** (-(grid - time) / half_life) for time, c in changes)
        seconds = half_life * 1e-9 / math.log(2) * (1.0 - 2.0 ** (-(grid - begin) / half_life))
        return math.sqrt(squares / seconds) * 1e4
