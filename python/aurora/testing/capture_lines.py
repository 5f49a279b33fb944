"""A small true order book, and the raw capture lines that tell of it: what the hypothesis strategies are made of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

__all__ = ["CENTRE_TICKS", "MILLISECOND", "CaptureLine", "LineMarket"]

START_NS = 1_700_000_000_000_000_000
CENTRE_TICKS = 600_000
FIRST_LEVELS = 6
MILLISECOND = 1_000_000

Changes = tuple[dict[int, int], dict[int, int]]


@dataclass(frozen=True, slots=True)
class CaptureLine:
    kind: str
    """diff, snapshot, ticker or trade."""
    local_ns: int
    frame: dict[str, Any]
    update_id: int = 0
    book: tuple[dict[int, int], dict[int, int]] = field(default_factory=lambda: ({}, {}))
    """Diffs: bids and asks behind it, lots by ticks."""

    def text(self) -> bytes:
        return f"{self.local_ns} {json.dumps(self.frame, separators=(',', ':'))}\n".encode()


class LineMarket:
    """A true book, and the lines that tell of it."""

    def __init__(self, symbol: str, tick: Decimal, lot: Decimal, first_id: int, latency_ms: int):
        self.symbol, self.tick, self.lot = symbol, tick, lot
        self.latency_ms = latency_ms
        self.local_ns = START_NS
        self.update_id = first_id
        self.centre = CENTRE_TICKS
        self.trades = 0
        self.ticker_id = 0
        self.tickers_ahead: set[int] = set()
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}
        self.lines: list[CaptureLine] = []
        for distance in range(1, FIRST_LEVELS + 1):
            self.bids[self.centre - distance] = self.asks[self.centre + distance] = 10 * distance

    def price(self, ticks: int) -> str:
        return format(ticks * self.tick, "f")

    def size(self, lots: int) -> str:
        return format(lots * self.lot, "f")

    def rows(self, levels: dict[int, int]) -> list[list[str]]:
        return [[self.price(ticks), self.size(lots)] for ticks, lots in levels.items()]

    def data(self, stream: str, event: str, fields: dict[str, Any]) -> dict[str, Any]:
        exchange_ms = self.local_ns // MILLISECOND - self.latency_ms
        data = {"e": event, "E": exchange_ms, "T": exchange_ms, "s": self.symbol, **fields}
        return {"stream": f"{self.symbol.lower()}@{stream}", "data": data}

    def snapshot_frame(self, update_id: int, bids: dict[int, int], asks: dict[int, int]) -> dict[str, Any]:
        exchange_ms = self.local_ns // MILLISECOND - self.latency_ms
        return {
            "lastUpdateId": update_id,
            "E": exchange_ms,
            "T": exchange_ms,
            "bids": self.rows(dict(sorted(bids.items(), reverse=True))),
            "asks": self.rows(dict(sorted(asks.items()))),
        }

    def best_bid(self) -> int | None:
        return max(self.bids, default=None)

    def best_ask(self) -> int | None:
        return min(self.asks, default=None)

    def add(self, kind: str, frame: dict[str, Any], update_id: int = 0) -> None:
        book = (dict(self.bids), dict(self.asks)) if kind == "diff" else ({}, {})
        self.lines.append(CaptureLine(kind, self.local_ns, frame, update_id, book))

    def diff(self, changes: Changes, skipped: int, ids: int) -> None:
        """Sets levels, zero removes; the caller sees to it that the book does not cross."""
        bids, asks = changes
        previous = self.update_id
        first = previous + 1 + skipped
        self.update_id = first + ids
        while self.update_id in self.tickers_ahead:
            self.update_id += 1  # That ticker showed something else.
        for side, levels in ((self.bids, bids), (self.asks, asks)):
            for ticks, lots in levels.items():
                side[ticks] = lots
                if not lots:
                    del side[ticks]
        fields = {
            "U": first,
            "u": self.update_id,
            "pu": previous,
            "b": self.rows(bids),
            "a": self.rows(asks),
        }
        self.add("diff", self.data("depth@100ms", "depthUpdate", fields), self.update_id)

    def change(self, bid_rows: Sequence[tuple[int, int]], ask_rows: Sequence[tuple[int, int]]) -> Changes:
        """Rows (distance from the other side's best, lots) as levels that leave the book uncrossed."""
        ask = self.best_ask()
        bids = {(self.centre + 1 if ask is None else ask) - 1 - distance: lots for distance, lots in bid_rows}
        standing = max(
            [*(t for t in self.bids if bids.get(t, 1)), *(t for t, lots in bids.items() if lots)],
            default=self.centre - 1,
        )
        asks = {standing + 1 + distance: lots for distance, lots in ask_rows}
        return bids, asks

    def jump(self, ticks: int) -> Changes:
        """The whole market somewhere else: every level goes, the same ones stand `ticks` away."""
        ticks = max(ticks, 1_000 - min([self.centre, *self.bids, *self.asks]))
        self.centre += ticks

        def moved(side: dict[int, int]) -> dict[int, int]:
            return dict.fromkeys(side, 0) | {t + ticks: lots for t, lots in side.items()}

        return moved(self.bids), moved(self.asks)

    def ticker(self, ahead: int, bid_lots: int, ask_lots: int) -> None:
        """The touch at the newest diff's id; with `ahead`, as it is to be before the next diff."""
        bid, ask = self.best_bid(), self.best_ask()
        if bid is None or ask is None or self.update_id + ahead < self.ticker_id:
            return  # Nothing to show, or it would run behind the ticker before.
        self.ticker_id = self.update_id + ahead
        if ahead:
            self.tickers_ahead.add(self.ticker_id)
        sizes = (bid_lots, ask_lots) if ahead else (self.bids[bid], self.asks[ask])
        fields = {
            "u": self.ticker_id,
            "b": self.price(bid),
            "B": self.size(sizes[0]),
            "a": self.price(ask),
            "A": self.size(sizes[1]),
        }
        self.add("ticker", self.data("bookTicker", "bookTicker", fields))

    def trade(self, buyer_is_maker: bool, lots: int, ordinary: bool) -> None:
        touch = self.best_bid() if buyer_is_maker else self.best_ask()
        self.trades += 1
        fields = {
            "t": self.trades,
            "p": self.price(self.centre if touch is None else touch),
            "q": self.size(lots),
            "X": "MARKET" if ordinary else "INSURANCE_FUND",
            "m": buyer_is_maker,
        }
        self.add("trade", self.data("trade", "trade", fields))
