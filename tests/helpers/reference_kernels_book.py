"""Book-shaped features in plain Python: the oracle of the streaming kernels.

A side of a book is a dict from price to size, in whole quanta. A touch is (bid, bid size, ask, ask size). Everything
is recomputed from whole histories; an undefined value is None. Definitions and sources: docs of the kernels and
the papers they name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np

Side = dict[int, int]
Touch = tuple[int, int, int, int]
Book = tuple[Side, Side]
BUY, SELL = "buy", "sell"


# --- Depth -----------------------------------------------------------------------------------------------------


def best_first(side: Side, name: str) -> list[tuple[int, int]]:
    """Levels (price, size) of a side, best first."""
    return sorted(side.items(), reverse=name == BUY)


def ratio(bid: float, ask: float) -> float | None:
    """(bid − ask) / (bid + ask)."""
    return (bid - ask) / (bid + ask) if bid + ask > 0 else None


def imbalance_by_index(bids: Side, asks: Side, levels: int, weight: Callable[[int], float]) -> float | None:
    """Imbalance of the best levels, level k = 1, 2, ... weighted by `weight(k)`."""

    def total(side: Side, name: str) -> float:
        return sum(weight(k) * size for k, (_, size) in enumerate(best_first(side, name)[:levels], start=1))

    return ratio(total(bids, BUY), total(asks, SELL))


def imbalance_by_distance(bids: Side, asks: Side, levels: int, tick: int, decay: float) -> float | None:
    """Imbalance of the best levels weighted by exp(−decay · ticks from the best of the level's own side)."""
    if not bids or not asks:
        return None

    def total(side: Side, name: str) -> float:
        ladder = best_first(side, name)[:levels]
        best = ladder[0][0]
        return math.fsum(math.exp(-decay * abs(price - best) / tick) * size for price, size in ladder)

    return ratio(total(bids, BUY), total(asks, SELL))


def depth_within(side: Side, bid: int, ask: int, bps: int) -> int:
    """Sum of sizes at most `bps` basis points of the mid away from it, the edge included."""
    mid = Fraction(bid + ask, 2)
    return sum(size for price, size in side.items() if abs(price - mid) <= mid * Fraction(bps, 10_000))


def book_pressure(bids: Side, asks: Side, bid: int, ask: int, bps: int) -> float | None:
    """Imbalance of the depth within `bps` of the mid."""
    return ratio(depth_within(bids, bid, ask, bps), depth_within(asks, bid, ask, bps))


def quoted_spread(touch: Touch, price_exponent: int) -> float | None:
    """Ask − bid in the price's own unit."""
    bid, _, ask, _ = touch
    return float(Fraction(ask - bid, 10**price_exponent)) if bid < ask else None


def quoted_spread_ticks(touch: Touch, tick: int) -> float | None:
    bid, _, ask, _ = touch
    return (ask - bid) / tick if bid < ask else None


# --- Microprice (Stoikov 2018) ---------------------------------------------------------------------------------


def microprice_adjustments(
    stay: Sequence[Sequence[float]], moved: Sequence[Sequence[float]], expected_move: Sequence[float]
) -> list[float]:
    """g* = Σ Bⁱ·G1 with G1 = (1 − Q)⁻¹·R·K and B = (1 − Q)⁻¹·T, for Q = `stay`, T = `moved`, R·K = `expected_move`.

    1 − B is singular (its null vector is a constant), so (1 − B)·g = G1 has many solutions; the series is the one
    without a constant part, which is the least-squares solution of smallest norm.
    """
    n = len(expected_move)
    leave = np.eye(n) - np.array(stay, dtype=float)
    first = np.linalg.solve(leave, np.array(expected_move, dtype=float))
    next_state = np.linalg.solve(leave, np.array(moved, dtype=float))
    adjustments = np.linalg.lstsq(np.eye(n) - next_state, first, rcond=1e-10)[0]
    return [float(value) for value in adjustments]


def microprice_state(touch: Touch, tick: int, imbalance_buckets: int, spread_buckets: int) -> int | None:
    """Spread bucket · imbalance buckets + imbalance bucket; None for a touch that has no state.

    An imbalance on the edge of two buckets belongs to the one nearer 1/2; spreads beyond the last bucket are in it.
    """
    bid, bid_size, ask, ask_size = touch
    if bid >= ask or bid_size + ask_size <= 0:
        return None
    imbalance = Fraction(bid_size, bid_size + ask_size)
    scaled = imbalance * imbalance_buckets
    bucket = math.floor(scaled) if imbalance <= Fraction(1, 2) else math.ceil(scaled) - 1
    spread = min(max((ask - bid) // tick, 1), spread_buckets)
    return (spread - 1) * imbalance_buckets + bucket


def fit_microprice(
    touches: Iterable[Touch | None],
    tick: int,
    imbalance_buckets: int,
    spread_buckets: int,
    minimum_visits: int = 1,
) -> list[float | None]:
    """Adjustments in ticks by state, from consecutive touches (None interrupts), each also counted mirrored."""
    n = imbalance_buckets * spread_buckets

    def mirror(state: int) -> int:
        spread, bucket = divmod(state, imbalance_buckets)
        return spread * imbalance_buckets + imbalance_buckets - 1 - bucket

    transitions: list[tuple[int, int, float]] = []  # state, next state, move of the mid in ticks
    before: tuple[int, int] | None = None
    for touch in touches:
        state = touch and microprice_state(touch, tick, imbalance_buckets, spread_buckets)
        if touch is None or state is None:
            before = None
            continue
        twice_mid = touch[0] + touch[2]
        if before is not None:
            move = (twice_mid - before[1]) / (2 * tick)
            transitions.append((before[0], state, move))
            transitions.append((mirror(before[0]), mirror(state), -move))
        before = (state, twice_mid)

    visits = [sum(1 for t in transitions if t[0] == state) for state in range(n)]
    fitted = [count >= max(minimum_visits, 1) for count in visits]
    stay, moved, expected_move = np.zeros((n, n)), np.zeros((n, n)), np.zeros(n)
    for state, following, move in transitions:
        if fitted[state]:
            (moved if move else stay)[state, following] += 1 / visits[state]
            expected_move[state] += move / visits[state]
    adjustments = microprice_adjustments(stay.tolist(), moved.tolist(), expected_move.tolist())
    return [value if known else None for value, known in zip(adjustments, fitted, strict=True)]


def microprice(touch: Touch, tick: int, price_exponent: int, adjustment: float) -> float:
    """m + g* in the price's own unit."""
    return ((touch[0] + touch[2]) / 2 + adjustment * tick) / float(10**price_exponent)


# --- Order flow by level ---------------------------------------------------------------------------------------


def level_pair(book: Book, index: int) -> Touch | None:
    """Bid and ask of level `index` from 0; None where a side has no such level."""
    bids, asks = best_first(book[0], BUY), best_first(book[1], SELL)
    if index >= min(len(bids), len(asks)):
        return None
    return (*bids[index], *asks[index])


def order_flow(before: Touch, after: Touch) -> int:
    """Cont, Kukanov, Stoikov (2014), both indicators true at an equal price."""
    bid0, bid_size0, ask0, ask_size0 = before
    bid1, bid_size1, ask1, ask_size1 = after
    return (
        (bid1 >= bid0) * bid_size1
        - (bid1 <= bid0) * bid_size0
        - (ask1 <= ask0) * ask_size1
        + (ask1 >= ask0) * ask_size0
    )


def level_flow(books: Sequence[Book | None], index: int, since: int) -> int | None:
    """Flow of a level (from 0), summed over the steps into `books[since:]`; None is a lost book.

    A book without the level breaks the sum, which begins anew behind it. None while the last book has no such level,
    or the unbroken run up to it is that book alone.
    """
    run: list[tuple[int, Touch]] = []
    for number, book in enumerate(books):
        pair = None if book is None else level_pair(book, index)
        run = [] if pair is None else [*run, (number, pair)]
    if len(run) < 2:
        return None
    return sum(order_flow(before, after) for (_, before), (number, after) in pairwise(run) if number >= since)


def average_depth(books: Sequence[Book | None], levels: int, since: int) -> float | None:
    """Mean size of the best levels of both sides over the books since the last reading that have them all.

    Those before a lost book do not count. Without a book since the reading it is that of the last one.
    """
    lost = max((number for number, book in enumerate(books) if book is None), default=-1)

    def sizes(book: Book | None) -> list[int] | None:
        if book is None or min(map(len, book)) < levels:
            return None
        return [
            size
            for side, name in zip(book, (BUY, SELL), strict=True)
            for _, size in best_first(side, name)[:levels]
        ]

    last = sizes(books[-1]) if books else None
    if last is None:
        return None
    whole = [row for book in books[max(since, lost + 1) :] if (row := sizes(book)) is not None] or [last]
    return sum(map(sum, whole)) / (len(whole) * 2 * levels)


def scaled_flow(books: Sequence[Book | None], levels: int, since: int) -> list[float] | None:
    """Flow of each level divided by the average depth (Cont, Cucuringu, Zhang 2023)."""
    flows = [level_flow(books, index, since) for index in range(levels)]
    depth = average_depth(books, levels, since)
    if not depth or any(flow is None for flow in flows):
        return None
    return [flow / depth for flow in flows if flow is not None]


def integrated_weights(rows: Sequence[Sequence[float]]) -> list[float]:
    """First principal vector of the rows' covariance, sum made positive, divided by its l1 norm."""
    covariance = np.atleast_2d(np.cov(np.array(rows, dtype=float), rowvar=False, ddof=1))
    vector = np.linalg.eigh(covariance).eigenvectors[:, -1]
    vector = vector if vector.sum() >= 0 else -vector
    return [float(value) for value in vector / np.abs(vector).sum()]


def integrated_order_flow(weights: Sequence[float], scaled: Sequence[float]) -> float:
    return sum(weight * value for weight, value in zip(weights, scaled, strict=True))


# --- Changes of levels -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Trade:
    """A trade against orders that rested on `resting`; `best` is that side's best price as known, None if empty."""

    ns: int
    resting: str
    price: int
    size: int
    best: int | None = None


@dataclass(frozen=True, slots=True)
class LevelUpdate:
    """A level's size before and after; `best` is its side's best price before the message, None if empty."""

    ns: int
    side: str
    price: int
    before: int
    after: int
    best: int | None = None


@dataclass(frozen=True, slots=True)
class LevelFlow:
    """An update by cause: after = before + added − taken − cancelled."""

    update: LevelUpdate
    added: int
    taken: int
    cancelled: int


Event = Trade | LevelUpdate


def attribute(events: Iterable[Event], horizon_ns: int, prices: int = 32) -> list[LevelFlow]:
    """Splits decreases into what trades at the price took and what was cancelled.

    A decrease uses up the size of trades at its price seen before it; the rest of it is cancelled. Size not used
    waits for `horizon_ns` after the last trade at the price, and for the last `prices` prices traded.
    """
    flows = []
    waiting: dict[tuple[str, int], tuple[int, int]] = {}  # (time of the last trade, size), oldest first
    for event in events:
        waiting = {key: row for key, row in waiting.items() if event.ns - row[0] <= horizon_ns}
        if isinstance(event, Trade):
            _, left = waiting.pop((event.resting, event.price), (0, 0))
            waiting[event.resting, event.price] = (event.ns, left + event.size)
            if len(waiting) > prices:
                del waiting[next(iter(waiting))]
            continue
        key = (event.side, event.price)
        decrease = max(event.before - event.after, 0)
        last, left = waiting.get(key, (0, 0))
        taken = min(decrease, left)
        if decrease and taken == left:
            waiting.pop(key, None)
        elif taken:
            waiting[key] = (last, left - taken)
        flows.append(LevelFlow(event, max(event.after - event.before, 0), taken, decrease - taken))
    return flows


def at_best(side: str, price: int, best: int | None) -> bool:
    """At the best price of the side or better than it."""
    return best is None or (price >= best if side == BUY else price <= best)


def fading_sum(parts: Iterable[tuple[int, float]], half_life_ns: int, now_ns: int) -> float:
    """Σ amount · 2^(−age / half-life) of (time, amount)."""
    return math.fsum(amount * 2 ** (-(now_ns - ns) / half_life_ns) for ns, amount in parts)


def fading_rate(
    parts: Iterable[tuple[int, float]], start_ns: int, half_life_ns: int, now_ns: int
) -> float | None:
    """Fading sum per second of the equally faded time since the start; None before one half-life."""
    if now_ns - start_ns < half_life_ns:
        return None
    watched = half_life_ns * 1e-9 / math.log(2) * (1 - 2 ** (-(now_ns - start_ns) / half_life_ns))
    return fading_sum((part for part in parts if part[0] >= start_ns), half_life_ns, now_ns) / watched


def cancel_rate(flows: Iterable[LevelFlow], start_ns: int, half_life_ns: int, now_ns: int) -> float | None:
    """Size cancelled per second."""
    parts = [(flow.update.ns, flow.cancelled) for flow in flows]
    return fading_rate(parts, start_ns, half_life_ns, now_ns)


def cancel_share(rate: float | None, displayed: int) -> float | None:
    """Share of the displayed size cancelled per second."""
    return None if rate is None or displayed <= 0 else rate / displayed


def queue_rates(
    events: Sequence[Event], side: str, start_ns: int, half_life_ns: int, horizon_ns: int, now_ns: int
) -> tuple[float | None, float | None, float | None]:
    """Sizes per second that arrive at, are cancelled from and are taken from the best queue of a side."""
    flows = [
        flow
        for flow in attribute(events, horizon_ns)
        if flow.update.side == side and at_best(side, flow.update.price, flow.update.best)
    ]
    takes = [
        (event.ns, event.size)
        for event in events
        if isinstance(event, Trade) and event.resting == side and at_best(side, event.price, event.best)
    ]
    arrivals = [(flow.update.ns, flow.added) for flow in flows]
    cancels = [(flow.update.ns, flow.cancelled) for flow in flows]
    arrival, cancel, take = (
        fading_rate(parts, start_ns, half_life_ns, now_ns) for parts in (arrivals, cancels, takes)
    )
    return arrival, cancel, take


def trade_to_book(
    events: Sequence[Event], start_ns: int, half_life_ns: int, now_ns: int
) -> tuple[float | None, float | None]:
    """Trades per changed level, and traded size per changed size, both faded."""
    seen = [event for event in events if event.ns >= start_ns]
    trades = [event for event in seen if isinstance(event, Trade)]
    updates = [event for event in seen if isinstance(event, LevelUpdate) and event.before != event.after]
    if not updates or now_ns - updates[-1].ns > 64 * half_life_ns:
        return None, None

    def faded(parts: Iterable[tuple[int, float]]) -> float:
        return fading_sum(parts, half_life_ns, now_ns)

    count = faded((trade.ns, 1) for trade in trades) / faded((update.ns, 1) for update in updates)
    traded = faded((trade.ns, trade.size) for trade in trades)
    changed = faded((update.ns, abs(update.after - update.before)) for update in updates)
    return count, traded / changed
