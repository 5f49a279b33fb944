"""The levels of one synthetic book, as a log of assignments from which diffs and snapshots are read.

A level is at one price of every block of ``spacing`` ticks, from the touch to the end of a band that follows it in
quarters of its depth. Every change of the touch and every change behind it is an event with an update id; what it does
is a list of (side, price, size). The size of a level at any time is the last one assigned, so that a diff is the last
assignments of its interval, and a snapshot those up to its moment: they cannot disagree.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aurora.testing.market.arrivals import arrivals
from aurora.testing.market.rates import Rates
from aurora.testing.market.schedules import Grid
from aurora.testing.market.settings import SymbolSettings
from aurora.testing.market.touch import Touch
from aurora.testing.market.units import NS_PER_S, Floats, Ints, hashed
from aurora.testing.settings import generator

__all__ = ["BookLog", "Diffs", "Snapshot", "book_log"]

_DEEP_BPS = 0.3
"""Levels a tick apart hold as much less than the touch as the tick is finer than this."""
_WITHDRAWN = 0.2
BID, ASK = 1, -1


@dataclass(slots=True)
class Diffs:
    """Depth messages in order; levels bids first, prices rising."""

    sent_ns: Ints
    last_event_ns: Ints
    first_id: Ints
    last_id: Ints
    previous_id: Ints
    bids: Ints
    asks: Ints
    price: Ints
    size: Ints


@dataclass(slots=True)
class Snapshot:
    """The whole book at an event; bids falling, then asks rising."""

    time_ns: int
    update_id: int
    bids: int
    asks: int
    price: Ints
    size: Ints


@dataclass(slots=True)
class BookLog:
    """Events in order, and their assignments by side, price and event."""

    time_ns: Ints
    update_id: Ints
    touch_row: Ints
    """Row of the touch of an event that changes it, -1 of others."""
    event: Ints
    side: npt.NDArray[np.int8]
    price: Ints
    size: Ints

    def snapshot(self, event: int) -> Snapshot:
        """The book behind an event."""
        chosen = self.event <= event
        side, price, size = self.side[chosen], self.price[chosen], self.size[chosen]
        last = np.ones(len(side), np.bool_)
        last[:-1] = (side[1:] != side[:-1]) | (price[1:] != price[:-1])
        standing = last & (size > 0)
        side, price, size = side[standing], price[standing], size[standing]
        bids, asks = np.flatnonzero(side == BID)[::-1], np.flatnonzero(side == ASK)
        order = np.concatenate([bids, asks])
        return Snapshot(
            int(self.time_ns[event]),
            int(self.update_id[event]),
            len(bids),
            len(asks),
            price[order],
            size[order],
        )

    def diffs(self, ends_ns: Ints) -> Diffs:
        """One message for each interval, up to and with its end, in which a level changed."""
        window = np.searchsorted(ends_ns, self.time_ns, side="left")
        window[0] = -1  # the book as it was when observation began
        of = window[self.event]
        last = np.ones(len(of), np.bool_)
        same = (self.side[1:] == self.side[:-1]) & (self.price[1:] == self.price[:-1])
        last[:-1] = ~(same & (of[1:] == of[:-1]))
        place = np.flatnonzero(last)
        # What came and went within the interval is told, too: a snapshot in its midst may show it.
        place = place[of[place] >= 0]
        order = np.lexsort((self.price[place], -self.side[place], of[place]))
        place = place[order]
        windows, first = np.unique(of[place], return_index=True)
        edges = np.append(first, len(place))
        is_bid = (self.side[place] == BID).astype(np.int64)
        bids = np.add.reduceat(is_bid, first) if len(first) else np.zeros(0, np.int64)
        ends = np.searchsorted(window, windows, side="right") - 1
        begins = np.searchsorted(window, windows, side="left")
        last_id = self.update_id[ends]
        # The first message follows an update that nobody saw.
        previous = np.concatenate([[self.update_id[0] - 1], last_id[:-1]])[: len(last_id)]
        return Diffs(
            ends_ns[windows],
            self.time_ns[ends],
            self.update_id[begins],
            last_id,
            previous,
            bids,
            np.diff(edges) - bids,
            self.price[place],
            self.size[place],
        )


@dataclass(slots=True)
class _Band:
    """Where levels are."""

    spacing: int
    depth: int
    salt: int

    def snapped(self, price: Ints) -> Ints:
        """The level's price in the block of each price."""
        if self.spacing == 1:
            return price
        block = price // self.spacing
        return block * self.spacing + (hashed(block, self.salt) % np.uint64(self.spacing)).astype(np.int64)

    def end(self, best: Ints) -> Ints:
        """Lowest price of the band behind a best bid; an ask is mirrored to a negative bid."""
        quarter = max(self.depth // 4, 1)
        return (best - self.depth) // quarter * quarter


def book_log(own: SymbolSettings, touch: Touch, rates: Rates, seed: int, grid: Grid) -> BookLog:
    """All that happens to the book of a symbol whose touch is known."""
    spec, name = own.spec, own.symbol
    tick_bps = spec.tick_size / spec.price * 1e4
    salt = int(generator(seed, "levels", name).integers(0, 2**31))
    band = _Band(max(round(rates.level_bps / tick_bps), 1), max(round(rates.depth_bps / tick_bps), 10), salt)
    typical = max(spec.touch_notional / spec.price / spec.lot_size, 10.0) * min(1.0, tick_bps / _DEEP_BPS)

    deep_ns = arrivals(seed, ("depth", name), rates.depth_changes * own.activity, rates.quote_bunching, grid)
    rng = generator(seed, "depth", "draws", name)
    count = len(deep_ns)
    is_bid = rng.random(count) < 0.5
    offset, resize, withdraw = (rng.random(count) for _ in range(3))
    at = np.maximum(np.searchsorted(touch.time_ns, deep_ns, side="right") - 1, 0)
    # Mirrored: an ask is a bid at minus its price.
    best = np.where(is_bid, touch.bid[at], -touch.ask[at])
    key = band.snapped(best - 1 - (offset * (band.depth - 1)).astype(np.int64))
    kept = (key < best) & (key >= band.end(best))
    deep_ns, key, is_bid = deep_ns[kept], key[kept], is_bid[kept]
    new_size = np.where(withdraw[kept] < _WITHDRAWN, 0, _deep_size(typical, resize[kept]))

    changes = len(touch.time_ns)
    times = np.concatenate([touch.time_ns, deep_ns])
    order = np.argsort(times, kind="stable")
    event_of = np.empty(len(times), np.int64)
    event_of[order] = np.arange(len(times))
    of_touch, of_deep = event_of[:changes], event_of[changes:]
    touch_row = np.where(order < changes, order, -1)

    keys, sizes, events, sides = [key], [new_size], [of_deep], [np.where(is_bid, BID, ASK)]
    for side, best_price, best_size in (
        (BID, touch.bid, touch.bid_size),
        (ASK, -touch.ask, touch.ask_size),
    ):
        for change in _touch_changes(
            band, best_price, best_size, of_touch, touch.time_ns, typical, salt + side
        ):
            keys.append(change[0])
            sizes.append(change[1])
            events.append(change[2])
            sides.append(np.full(len(change[0]), side))
    on_side = np.concatenate(sides).astype(np.int8)
    price = np.concatenate(keys) * on_side
    size, event = np.concatenate(sizes), np.concatenate(events)
    sort = np.lexsort((event, price, on_side))
    on_side, price, size, event = on_side[sort], price[sort], size[sort], event[sort]
    # Deleting what is not there is nothing.
    fresh = np.ones(len(on_side), np.bool_)
    fresh[1:] = (on_side[1:] != on_side[:-1]) | (price[1:] != price[:-1])
    idle = (size == 0) & (fresh | (np.concatenate([[0], size[:-1]]) == 0))
    on_side, price, size, event = on_side[~idle], price[~idle], size[~idle], event[~idle]

    steps = 1 + (hashed(np.arange(len(times)), salt + 5) % np.uint64(151)).astype(np.int64)
    update_id = 5_000_000_000_000 + salt * 400 + np.cumsum(steps)
    return BookLog(times[order], update_id, touch_row, event, on_side, price, size)


def _deep_size(typical: float, uniform: Floats) -> Ints:
    return 1 + (typical * 4.0 * uniform * uniform).astype(np.int64)


def _touch_changes(
    band: _Band, best: Ints, size: Ints, event: Ints, time_ns: Ints, typical: float, salt: int
) -> list[tuple[Ints, Ints, Ints]]:
    """What the changes of one side's touch assign: keys, sizes, events. The first row fills the whole band."""
    changes: list[tuple[Ints, Ints, Ints]] = []
    shown = np.ones(len(best), np.bool_)
    shown[1:] = (best[1:] != best[:-1]) | (size[1:] != size[:-1])
    changes.append((best[shown], size[shown], event[shown]))

    moved = np.flatnonzero(best[1:] != best[:-1]) + 1
    before, after = best[moved - 1], best[moved]
    end_before, end_after = band.end(before), band.end(after)

    def levels(low: Ints, high: Ints, rows: Ints, fill: bool) -> None:
        """Levels in low <= key < high appear or go."""
        keys, owner = _blocks(band, low, high)
        sizes = np.zeros(len(keys), np.int64)
        if fill:
            # By time, not by number: an event more elsewhere changes no size here.
            mixed = hashed(keys * 1_000_003 + time_ns[rows[owner]], salt + 9)
            sizes = _deep_size(typical, (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53)
        changes.append((keys, sizes, event[rows[owner]]))

    up = after > before
    # Upwards: what was passed fills in, the old best stays if there is a level, the far end goes.
    levels(before[up] + 1, after[up], moved[up], True)
    left = before[up]
    gone = band.snapped(left) != left
    changes.append((left[gone], np.zeros(int(gone.sum()), np.int64), event[moved[up]][gone]))
    levels(end_before[up], end_after[up], moved[up], False)
    # Downwards: what is above the new best goes, the far end fills in.
    levels(after[~up] + 1, before[~up], moved[~up], False)
    changes.append((before[~up], np.zeros(int((~up).sum()), np.int64), event[moved[~up]]))
    levels(end_after[~up], np.minimum(end_before[~up], after[~up]), moved[~up], True)
    levels(band.end(best[:1]), best[:1], np.zeros(1, np.int64), True)
    return changes


def _blocks(band: _Band, low: Ints, high: Ints) -> tuple[Ints, Ints]:
    """Levels in each range low <= key < high, and the range of each."""
    first, last = low // band.spacing, -(-high // band.spacing)
    counts = np.where(high > low, np.maximum(last - first, 0), 0)
    owner = np.repeat(np.arange(len(low)), counts)
    begin = np.cumsum(counts) - counts
    block = first[owner] + np.arange(len(owner)) - begin[owner]
    keys = band.snapped(block * band.spacing)
    inside = (keys >= low[owner]) & (keys < high[owner])
    return keys[inside], owner[inside]


def diff_ends(rates: Rates, own: SymbolSettings, seed: int, grid: Grid) -> Ints:
    """Ends of the depth intervals: a steady beat with a tenth of jitter, begun at a drawn phase."""
    rng = generator(seed, "diffs", own.symbol)
    every = round(NS_PER_S / rates.diffs)
    count = grid.length_ns // every + 2
    jitter = rng.integers(0, max(every // 5, 1), size=count) - every // 10
    return int(rng.integers(every // 5, every)) + every * np.arange(count, dtype=np.int64) + jitter
