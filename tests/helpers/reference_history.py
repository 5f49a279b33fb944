"""What a capture shows of one symbol, in plain Python: its book, and whole histories for the oracles of features."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import reference_kernels_book as book_kernels
from reference_book import Diff, ReferenceBook, Snapshot, read_line
from reference_kernels_book import BUY, SELL, LevelUpdate, Touch

SHOWN_LEVELS = 10
"""Levels a side that a view of the book holds."""


@dataclass(frozen=True, slots=True)
class Scales:
    """Quanta per unit, and the tick in quanta."""

    price: int
    size: int
    tick: int

    @property
    def price_exponent(self) -> int:
        return len(str(self.price)) - 1


@dataclass(frozen=True, slots=True)
class Trade:
    """A market trade, with what was known when it came: twice the mid."""

    ns: int
    price: int
    size: int
    sign: int
    mid_doubled: int | None


class ObservedBook(ReferenceBook):
    """Keeps what the last diff did, level by level: (side, price, before, after)."""

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[tuple[str, int, int, int]] = []

    def _apply(self, diff: Diff) -> None:
        self.changes = []
        for name, side, rows in ((BUY, self.bids, diff.bids), (SELL, self.asks, diff.asks)):
            standing: dict[Any, Any] = {}
            for price, size in rows:
                before = standing.get(price, side.get(price, 0))
                standing[price] = size
                self.changes.append((name, price, before, size))  # type: ignore[arg-type]
        super()._apply(diff)


@dataclass
class ReferenceHistory:
    scales: Scales
    settings: Any
    """The numbers of `aurora.features.KernelSettings`."""
    depth_levels: int = 5
    offset_ns: int = 0
    """What is added to receive times."""
    book: ObservedBook = field(default_factory=ObservedBook)
    ticker: tuple[int, Touch] | None = None
    first_ns: int | None = None
    last_ns: int = 0
    touches: list[tuple[int, Touch | None]] = field(default_factory=list)
    """(receive time, touch) at each change; None where it was lost."""
    views: list[tuple[dict[int, int], dict[int, int]] | None] = field(default_factory=list)
    """Best levels behind the touch after each change of the book; None where there is no usable touch."""
    read_views: int = 0
    """Views before the last row."""
    trades: list[Trade] = field(default_factory=list)
    explaining: list[book_kernels.Event] = field(default_factory=list)
    """Trades and near level updates since the book was last lost: what attribution looks at."""
    counted: list[book_kernels.Event] = field(default_factory=list)
    """Trades and all level updates while the book can be seen, since it last could not."""
    seen_since: int | None = None
    _sorted: tuple[list[int], list[int]] | None = None

    # --- The pass over the lines --------------------------------------------------------------------------------

    def timed(self, lines: Iterable[bytes]) -> Iterable[tuple[int, bytes]]:
        latest = -(2**62)
        for line in lines:
            if line[:1].isdigit():
                latest = max(latest, int(line.split(b" ", 1)[0]) + self.offset_ns)
                yield latest, line

    def take(self, time: int, line: bytes) -> bool:
        """Takes one line; answers whether it is a trade print."""
        if self.first_ns is None:
            self.first_ns = time
        self.last_ns = time
        event = read_line(line).event
        if event is not None:
            self.take_depth(time, event)
            return False
        data = json.loads(line.split(b" ", 1)[1])["data"]
        if data["e"] == "bookTicker":
            self.take_ticker(time, data)
            return False
        price, size = self.quanta(data["p"], data["q"])
        if data.get("X", "MARKET") == "MARKET" and price > 0 and size > 0:
            self.take_trade(time, price, size, -1 if data["m"] else 1)
        return True

    def quanta(self, price: object, size: object) -> tuple[int, int]:
        return int(Decimal(str(price)) * self.scales.price), int(Decimal(str(size)) * self.scales.size)

    def take_depth(self, time: int, event: Diff | Snapshot) -> None:
        book = self.book

        def whole(rows: Any) -> Any:
            return tuple(self.quanta(*row) for row in rows)

        was_usable, applied = book.state == "synced", book.applied
        if isinstance(event, Diff):
            book.on_diff(Diff(event.first, event.last, event.previous, whole(event.bids), whole(event.asks)))
            if book.applied > applied:
                self._sorted = None
                self.see_levels(time)
                self.see_book(time)
            elif was_usable and book.state != "synced":
                self.see_book(time)
            return
        before = book.update_id
        book.on_snapshot(Snapshot(event.last, whole(event.bids), whole(event.asks)))
        ignored = was_usable and event.last < before
        if not ignored and book.state != "stale_snapshot_mismatch":
            self._sorted = None
            self.see_book(time)

    def take_ticker(self, time: int, data: dict[str, Any]) -> None:
        touch = (*self.quanta(data["b"], data["B"]), *self.quanta(data["a"], data["A"]))
        if self.ticker is None or data["u"] >= self.ticker[0]:
            self.ticker = (data["u"], touch)
            if self.book.state == "synced" and data["u"] > self.book.update_id:
                self.see_book(time)

    def take_trade(self, time: int, price: int, size: int, sign: int) -> None:
        touch = self.touch
        self.trades.append(Trade(time, price, size, sign, None if touch is None else touch[0] + touch[2]))
        resting = SELL if sign > 0 else BUY
        trade = book_kernels.Trade(time, resting, price, size, self.best(resting))
        self.explaining.append(trade)
        if self.seen_since is not None:
            self.counted.append(trade)

    def see_levels(self, time: int) -> None:
        """Level updates of the diff just applied, seen against the book before it."""
        if self.seen_since is None:
            return
        for side, price, before, after in self.book.changes:
            update = LevelUpdate(time, side, price, before, after, self.best(side))
            self.counted.append(update)
            if before != after and self.is_near(side, price):
                self.explaining.append(update)

    def see_book(self, time: int) -> None:
        touch = self.usable_touch()
        view = None if touch is None else self.view_behind(touch)
        self.views.append(view)
        if view is None:
            self.seen_since, self.counted, self.explaining = None, [], []
        elif self.seen_since is None:
            self.seen_since = time
        if touch != self.touch:
            self.touches.append((time, touch))

    @property
    def touch(self) -> Touch | None:
        return self.touches[-1][1] if self.touches else None

    def usable_touch(self) -> Touch | None:
        touch: Touch | None = None
        if self.book.state != "synced":
            return None
        if self.ticker is not None and self.ticker[0] > self.book.update_id:
            touch = self.ticker[1]
        elif self.book.bids and self.book.asks:
            bid, ask = max(self.book.bids), min(self.book.asks)
            touch = (bid, self.book.bids[bid], ask, self.book.asks[ask])  # type: ignore[assignment]
        return touch if touch is not None and touch[0] < touch[2] else None

    def view_behind(self, touch: Touch) -> tuple[dict[int, int], dict[int, int]]:
        """The touch as level 1, behind it what the ladder holds at worse prices."""
        bid, bid_size, ask, ask_size = touch
        bids, asks = self.book.bids, self.book.asks
        if self._sorted is None:
            self._sorted = sorted(bids), sorted(asks)  # type: ignore[type-var,assignment]
        rising_bids, rising_asks = self._sorted
        worse = rising_bids[: bisect_left(rising_bids, bid)][-(SHOWN_LEVELS - 1) :]
        behind = rising_asks[bisect_right(rising_asks, ask) :][: SHOWN_LEVELS - 1]
        return (
            {bid: bid_size} | {price: bids[price] for price in reversed(worse)},  # type: ignore[index,dict-item]
            {ask: ask_size} | {price: asks[price] for price in behind},  # type: ignore[index,dict-item]
        )

    def near_levels(self, side: str) -> list[tuple[int, int]]:
        view = self.views[-1] if self.views else None
        if view is None:
            return []
        return book_kernels.best_first(view[side == SELL], side)[: min(self.depth_levels, SHOWN_LEVELS)]

    def best(self, side: str) -> int | None:
        levels = self.near_levels(side)
        return levels[0][0] if levels else None

    def is_near(self, side: str, price: int) -> bool:
        levels = self.near_levels(side)
        wanted = min(self.depth_levels, SHOWN_LEVELS)
        return len(levels) < wanted or book_kernels.at_best(side, price, levels[-1][0])
