"""Binance's rules for a local order book in plain Python: the oracle that counts gaps and knows the true book.

Nothing of the product is used here: levels are `Decimal` in dictionaries, lines are read with `json`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise

Levels = tuple[tuple[Decimal, Decimal], ...]


@dataclass(frozen=True, slots=True)
class Diff:
    first: int
    last: int
    previous: int | None
    """None on spot, where `first` alone tells."""
    bids: Levels
    asks: Levels


@dataclass(frozen=True, slots=True)
class Snapshot:
    last: int
    bids: Levels
    asks: Levels


@dataclass(frozen=True, slots=True)
class Line:
    """A capture line; `event` is None for tickers and trades, which do not move a ladder."""

    text: bytes
    event: Diff | Snapshot | None


def levels(rows: Iterable[Sequence[str]]) -> Levels:
    return tuple((Decimal(row[0]), Decimal(row[1])) for row in rows)


def read_line(text: bytes) -> Line:
    event: Diff | Snapshot | None = None
    if b'"depthUpdate"' in text:
        data = json.loads(text.split(b" ", 1)[1])["data"]
        event = Diff(data["U"], data["u"], data.get("pu"), levels(data["b"]), levels(data["a"]))
    elif b'"lastUpdateId"' in text:
        data = json.loads(text.split(b" ", 1)[1])
        event = Snapshot(data["lastUpdateId"], levels(data["bids"]), levels(data["asks"]))
    return Line(text, event)


def snapshot_line(local_ns: int, book: ReferenceBook) -> Line:
    """A REST snapshot that holds the whole of a book, as a capture would print it."""

    def rows(side: dict[Decimal, Decimal], best_first_down: bool) -> list[list[str]]:
        prices = sorted(side, reverse=best_first_down)
        return [[format(price, "f"), format(side[price], "f")] for price in prices]

    frame = {
        "lastUpdateId": book.update_id,
        "bids": rows(book.bids, True),
        "asks": rows(book.asks, False),
    }
    if book.futures:
        frame |= {"E": local_ns // 10**6, "T": local_ns // 10**6}
    return read_line(f"{local_ns} {json.dumps(frame, separators=(',', ':'))}\n".encode())


@dataclass
class ReferenceBook:
    """Feed it the depth events of a capture in the order of receipt.

    Futures: diffs with u < lastUpdateId are dropped, the first applied one has U <= lastUpdateId <= u, then pu is
    the u before. Spot: u <= lastUpdateId is dropped, the first has U <= lastUpdateId + 1 <= u, then U is the u
    before plus 1. A break is a gap whether or not the book was right at that time, and makes a right book stale
    until a snapshot.
    """

    futures: bool = True
    bids: dict[Decimal, Decimal] = field(default_factory=dict)
    asks: dict[Decimal, Decimal] = field(default_factory=dict)
    update_id: int = 0
    state: str = "awaiting_snapshot"
    snapshot_id: int = 0
    gaps: int = 0
    duplicates: int = 0
    applied: int = 0
    level_updates: int = 0
    received: list[tuple[Diff, bool]] = field(default_factory=list)
    """Every diff but duplicates, with whether it continues the one before it."""
    joined: bool = False
    """A diff has been applied since the last snapshot."""

    def feed_all(self, events: Iterable[Diff | Snapshot | None]) -> ReferenceBook:
        for event in events:
            if isinstance(event, Diff):
                self.on_diff(event)
            elif isinstance(event, Snapshot):
                self.on_snapshot(event)
        return self

    def on_diff(self, diff: Diff) -> None:
        follows = True
        if self.received:
            before = self.received[-1][0]
            follows = diff.previous == before.last if self.futures else diff.first == before.last + 1
            if not follows and diff.last <= before.last:
                self.duplicates += 1
                return
            self.gaps += not follows
        self.received.append((diff, follows))
        if self.state != "synced":
            return
        if not self.joined:
            if self._older(diff, self.snapshot_id):
                return
            if not self._meets(diff, self.snapshot_id):
                self.gaps += follows
                self.state = "stale_snapshot_mismatch"
                return
        elif not follows:
            self.state = "stale_gap"
            return
        self._apply(diff)

    def on_snapshot(self, snapshot: Snapshot) -> None:
        if self.state == "synced" and snapshot.last < self.update_id:
            return
        waiting = [] if self.state == "synced" else list(enumerate(self.received))
        later = [n for n, (diff, _) in waiting if not self._older(diff, snapshot.last)]
        if later and not self._meets(self.received[later[0]][0], snapshot.last):
            never_met = self.state == "awaiting_snapshot" and later[0] == 0
            self.gaps += never_met  # Otherwise the break between two received diffs has been counted.
            self.state = "stale_snapshot_mismatch"
            return
        self.bids, self.asks = dict(snapshot.bids), dict(snapshot.asks)
        self.update_id = self.snapshot_id = snapshot.last
        self.state, self.joined = "synced", False
        for n in later:
            diff, follows = self.received[n]
            if self.joined and not follows:
                self.state = "stale_gap"
                return
            self._apply(diff)

    def _older(self, diff: Diff, snapshot_id: int) -> bool:
        return diff.last < snapshot_id if self.futures else diff.last <= snapshot_id

    def _meets(self, diff: Diff, snapshot_id: int) -> bool:
        if self.futures:
            return diff.first <= snapshot_id <= diff.last or diff.previous == snapshot_id
        return diff.first <= snapshot_id + 1 <= diff.last

    def _apply(self, diff: Diff) -> None:
        for side, rows in ((self.bids, diff.bids), (self.asks, diff.asks)):
            for price, size in rows:
                if size:
                    side[price] = size
                else:
                    side.pop(price, None)
        self.update_id, self.joined = diff.last, True
        self.applied += 1
        self.level_updates += len(diff.bids) + len(diff.asks)

    def digest(self) -> str:
        """SHA-256 of lines `b,PRICE,QTY` best first, then `a,PRICE,QTY`, plain decimals without trailing zeros."""

        def plain(value: Decimal) -> str:
            return format(value.normalize(), "f")

        rows = [f"b,{plain(p)},{plain(self.bids[p])}" for p in sorted(self.bids, reverse=True)]
        rows += [f"a,{plain(p)},{plain(self.asks[p])}" for p in sorted(self.asks)]
        return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def without(lines: Sequence[Line], runs: Iterable[tuple[int, int]]) -> list[Line]:
    """The capture without runs of diffs, each given as (number of its first diff, how many)."""
    gone = {n for start, length in runs for n in range(start, start + length)}
    kept, number = [], -1
    for line in lines:
        if isinstance(line.event, Diff):
            number += 1
            if number in gone:
                continue
        kept.append(line)
    return kept


def are_separated(runs: Sequence[tuple[int, int]]) -> bool:
    """At least one diff is left between any two runs (given in order)."""
    return all(start + length < later for (start, length), (later, _) in pairwise(runs))


def expected_report(book: ReferenceBook) -> dict[str, object]:
    """What a capture report must say of the book, by the names of the report."""
    return {
        "state": book.state,
        "gaps": book.gaps,
        "duplicates": book.duplicates,
        "depth_applied": book.applied,
        "level_updates": book.level_updates,
        "snapshot_id": book.snapshot_id,
        "final_update_id": book.update_id,
        "levels": [len(book.bids), len(book.asks)],
        "digest": book.digest(),
    }
