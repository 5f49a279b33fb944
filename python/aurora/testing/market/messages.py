"""All messages of one capture as columns, in order of receive time: what lines and blocks are both made of."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from aurora.testing.market.depth import BookLog, Diffs, Snapshot, book_log, diff_ends
from aurora.testing.market.latent import Latent
from aurora.testing.market.rates import Rates
from aurora.testing.market.schedules import Grid, Spell
from aurora.testing.market.settings import SymbolSettings
from aurora.testing.market.touch import Touch, simulate_touch
from aurora.testing.market.units import NS_PER_MS, Floats, Ints
from aurora.testing.settings import generator

__all__ = ["DIFF", "SNAPSHOT", "TICKER", "TRADE", "Book", "Messages", "build_book", "capture_messages"]

DIFF, SNAPSHOT, TICKER, TRADE = range(4)
BUYER_IS_MAKER = 2

# Receive time beyond the connection's latency: the median of a push, its odds u/(1 - u), the longest.
_JITTER_NS, _LONGEST_JITTER_NS = 400_000, 30 * NS_PER_MS
_APART_NS = 200


@dataclass(slots=True)
class Messages:
    """One entry per message; its levels are ``bids`` rows from ``level_start``, then ``asks`` rows."""

    kind: npt.NDArray[np.uint8]
    flags: npt.NDArray[np.uint8]
    local_ns: Ints
    """Receive time as captured."""
    event_ms: Ints
    """``E``."""
    transaction_ms: Ints
    """``T``."""
    first_id: Ints
    last_id: Ints
    previous_id: Ints
    level_start: Ints
    bids: Ints
    asks: Ints
    price: Ints
    """Of each level, ticks."""
    size: Ints
    """Of each level, lots."""

    def __len__(self) -> int:
        return len(self.kind)

    def taken(self, rows: Ints) -> Messages:
        """Some messages, some perhaps twice; levels stay where they are."""
        own = {
            field.name: getattr(self, field.name)[rows]
            for field in fields(self)
            if field.name not in ("price", "size")
        }
        return Messages(**own, price=self.price, size=self.size)

    def ordered_levels(self) -> tuple[Ints, Ints]:
        """(message, level) of every level in the messages' order."""
        counts = self.bids + self.asks
        owner = np.repeat(np.arange(len(self)), counts)
        begin = np.cumsum(counts) - counts
        return owner, self.level_start[owner] + np.arange(len(owner)) - begin[owner]


@dataclass(slots=True)
class Book:
    """A symbol's book from beginning to end, at exchange time."""

    touch: Touch
    log: BookLog
    diffs: Diffs
    snapshot: Snapshot
    start_ms: int


def build_book(
    own: SymbolSettings,
    path: Latent,
    rates: Rates,
    seed: int,
    grid: Grid,
    spells: list[Spell],
    start_ms: int,
) -> Book:
    """Runs the book along a latent path."""
    touch = simulate_touch(own, path, rates, seed, grid, spells)
    log = book_log(own, touch, rates, seed, grid)
    diffs = log.diffs(diff_ends(rates, own, seed, grid))
    # Taken within the fifth message's interval: some messages are older, and one meets it.
    if len(diffs.last_id) < 3:
        raise ValueError(f"{own.symbol}: fewer than three depth messages; take a longer market or more diffs")
    meeting = min(4, len(diffs.last_id) - 1)
    return Book(touch, log, diffs, snapshot_within(log, diffs, meeting), start_ms)


def snapshot_within(log: BookLog, diffs: Diffs, message: int) -> Snapshot:
    """The book in the midst of a depth message's interval."""
    first = int(np.searchsorted(log.update_id, diffs.first_id[message]))
    last = int(np.searchsorted(log.update_id, diffs.last_id[message]))
    return log.snapshot((first + last) // 2)


def capture_messages(
    book: Book, own: SymbolSettings, seed: int, clock_offset_ms: int, latency_ns: int
) -> Messages:
    """What an observer receives."""
    touch, log, diffs = book.touch, book.log, book.diffs
    start_ns = book.start_ms * NS_PER_MS
    offset_ns = clock_offset_ms * NS_PER_MS
    rows = np.flatnonzero(log.touch_row >= 0)
    quotes, trades, depth = len(rows), len(touch.trade_row), len(diffs.last_id)
    trade_base = 1_000_000_000 + int(generator(seed, "trade ids", own.symbol).integers(0, 10**9))

    arrival: list[Ints] = []
    for stream, sent in (
        ("ticker", touch.time_ns),
        ("trade", touch.time_ns[touch.trade_row]),
        ("depth", diffs.sent_ns),
    ):
        u = generator(seed, "latency", stream, own.symbol).random(len(sent))
        arrival.append(received(sent + start_ns + offset_ns + latency_ns, u))
    # The answer to a request takes much longer than a push.
    answer = generator(seed, "latency", "snapshot", own.symbol)
    answer_ns = latency_ns + 60 * NS_PER_MS + int(answer.integers(0, 60 * NS_PER_MS))
    shown = book.snapshot
    arrival.append(np.array([shown.time_ns + start_ns + offset_ns + answer_ns]))

    quote_ms = (touch.time_ns + start_ns) // NS_PER_MS
    trade_ms = quote_ms[touch.trade_row]
    shown_ms = np.array([(shown.time_ns + start_ns) // NS_PER_MS])
    trade_id = trade_base + np.arange(trades)
    quote_id = log.update_id[rows]
    zeros = np.zeros(quotes, np.int64)
    ones = np.ones(quotes, np.int64)
    counts = [
        (ones, ones),
        (np.ones(trades, np.int64), np.zeros(trades, np.int64)),
        (diffs.bids, diffs.asks),
        (np.array([shown.bids]), np.array([shown.asks])),
    ]
    bids = np.concatenate([pair[0] for pair in counts])
    asks = np.concatenate([pair[1] for pair in counts])
    price = [np.stack([touch.bid, touch.ask], axis=1).ravel(), touch.trade_price, diffs.price, shown.price]
    size = [
        np.stack([touch.bid_size, touch.ask_size], axis=1).ravel(),
        touch.trade_size,
        diffs.size,
        shown.size,
    ]
    flags = np.zeros(quotes + trades + depth + 1, np.uint8)
    flags[quotes : quotes + trades] = np.where(touch.trade_is_buy, 0, BUYER_IS_MAKER)
    whole = Messages(
        kind=np.repeat(
            np.array([TICKER, TRADE, DIFF, SNAPSHOT], np.uint8), np.array([quotes, trades, depth, 1])
        ),
        flags=flags,
        local_ns=np.concatenate(arrival),
        event_ms=np.concatenate([quote_ms, trade_ms, (diffs.sent_ns + start_ns) // NS_PER_MS, shown_ms]),
        transaction_ms=np.concatenate(
            [quote_ms, trade_ms, (diffs.last_event_ns + start_ns) // NS_PER_MS, shown_ms]
        ),
        first_id=np.concatenate([zeros, trade_id, diffs.first_id, [0]]),
        last_id=np.concatenate([quote_id, trade_id, diffs.last_id, [shown.update_id]]),
        previous_id=np.concatenate([zeros, np.zeros(trades, np.int64), diffs.previous_id, [0]]),
        level_start=np.cumsum(bids + asks) - (bids + asks),
        bids=bids,
        asks=asks,
        price=np.concatenate(price),
        size=np.concatenate(size),
    )
    return whole.taken(np.argsort(whole.local_ns, kind="stable"))


def received(earliest_ns: Ints, uniform: Floats) -> Ints:
    """Receive times of a stream: late by heavy-tailed jitter, never overtaking one another."""
    jitter = np.minimum(_JITTER_NS * (uniform / (1.0 - uniform)), _LONGEST_JITTER_NS).astype(np.int64)
    apart = _APART_NS * np.arange(len(earliest_ns), dtype=np.int64)
    return np.asarray(np.maximum.accumulate(earliest_ns + jitter - apart) + apart)
