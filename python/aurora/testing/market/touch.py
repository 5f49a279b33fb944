"""The touch of one synthetic book: when it changes, its prices, its sizes, and the trades that meet it.

The best bid follows the latent mid with hysteresis, the ask stands a tick above. Now and then a side steps back for a
few milliseconds, which makes the wide quotes. Sizes are drawn anew when a price changes and at quotes between; trades
take from them exactly. Nothing here depends on what comes later, but for bursts of toxic flow that are planted so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from aurora.testing.market.arrivals import Activity, arrivals, extra_arrivals, of_spells, of_windows, thinned
from aurora.testing.market.latent import Latent
from aurora.testing.market.rates import Rates
from aurora.testing.market.schedules import Grid, Spell
from aurora.testing.market.settings import SymbolSettings
from aurora.testing.market.units import Floats, Ints, exponential, hashed
from aurora.testing.settings import generator

__all__ = ["Touch", "simulate_touch"]

# A quote follows the latent price once it is this far off.
_REQUOTE_BPS, _REQUOTE_TICKS = 0.5, 0.75
# A move of this size is made by an aggressive order, not by cancellations.
_SWEEP_BPS, _SWEEP_ODDS, _MOST_SWEEPS = 3.0, 0.4, 0.3
# A step of the latent price beyond both gets a quote of its own.
_FORCED_BPS, _FORCED_DEVIATIONS = 0.4, 5.0
_QUOTE, _MOVE, _CLOSE, _HOLD, _TRADE = range(5)
# A wide spread lasts for some milliseconds and so many quotes.
_WIDE_QUOTES = 4
_WIDE_NS, _WIDE_MORE_NS = 1_500_000, 7_000_000
_WIDEST_BPS = 2.0
_REFILLED = 0.4
"""Share of the trades behind which the touch shows a new size, as after a quote."""
_DIRECTED = 0.8
"""Share of the trades of a directed volume window that go its way."""


@dataclass(slots=True)
class Touch:
    """Changes of the touch in order of time, prices in ticks, sizes in lots; and prints by the change they are part of.

    The first row is the touch at the beginning.
    """

    time_ns: Ints
    bid: Ints
    ask: Ints
    bid_size: Ints
    ask_size: Ints
    trade_row: Ints
    """Row that shows the touch behind the print."""
    trade_price: Ints
    trade_size: Ints
    trade_is_buy: npt.NDArray[np.bool_]


def simulate_touch(
    own: SymbolSettings, path: Latent, rates: Rates, seed: int, grid: Grid, spells: list[Spell]
) -> Touch:
    """The touch along a latent path."""
    spec = own.spec
    tick_bps = spec.tick_size / spec.price * 1e4
    # Half a tick up: the first bid lies at the price's tick.
    mids = exponential(path.log) * (spec.price / spec.tick_size) + 0.5
    threshold = max(_REQUOTE_TICKS, _REQUOTE_BPS / tick_bps)
    flow = _OrderFlow.of(own, rates, threshold * tick_bps)
    times, kinds, draws = _schedule(own, path, rates, seed, grid, spells, flow)
    steps = np.minimum(times // grid.step_ns, grid.steps - 1)

    can_move = kinds < _HOLD
    movable = np.flatnonzero(can_move)
    target = _follow(mids[steps[movable]], threshold)
    bid, ask = _prices(target, times[movable], draws, movable, spells, grid, tick_bps)
    # Others see the prices of the event before them.
    latest = np.maximum.accumulate(np.where(can_move, np.cumsum(can_move) - 1, 0))
    bid, ask = bid[latest], ask[latest]
    return _sizes(own, times, kinds, bid, ask, draws, tick_bps, flow.sweep_odds)


@dataclass(slots=True)
class _Draws:
    """What was drawn for each event, in the events' order."""

    side: npt.NDArray[np.bool_]
    """A quote's side, an aggressive order's direction (True: buys)."""
    size: Floats
    other: Floats
    wide: npt.NDArray[np.bool_]
    refilled: npt.NDArray[np.bool_]
    prints: Ints


def _most_prints(rates: Rates) -> float:
    return 5.6 * (rates.prints - 1.0)


def _mean_prints(rates: Rates) -> float:
    """Of 1 + floor(M u⁴), whose tail is as heavy as that of the real ones."""
    most = _most_prints(rates)
    return 1.0 + sum(1.0 - math.sqrt(math.sqrt(count / most)) for count in range(1, int(most) + 1))


@dataclass(frozen=True, slots=True)
class _OrderFlow:
    """How aggressive orders come about: some on their own, some as what moves the touch."""

    alone_per_s: float
    sweep_odds: float

    @classmethod
    def of(cls, own: SymbolSettings, rates: Rates, threshold_bps: float) -> _OrderFlow:
        orders = rates.trades * own.activity / _mean_prints(rates)
        # A random walk leaves a corridor of ±h after h²/σ² seconds on the mean, but no oftener than it is looked at.
        looked = rates.quotes * own.activity
        moves = 1.0 / ((threshold_bps / max(own.noise_bps, 1e-6)) ** 2 + 1.0 / looked)
        odds = min(_SWEEP_ODDS, _MOST_SWEEPS * orders / moves)
        return cls(orders - odds * moves, odds)


def _schedule(
    own: SymbolSettings,
    path: Latent,
    rates: Rates,
    seed: int,
    grid: Grid,
    spells: list[Spell],
    flow: _OrderFlow,
) -> tuple[Ints, Ints, _Draws]:
    name = own.symbol
    activities = of_spells(spells, grid)
    groups = flow.alone_per_s
    all_quotes = rates.quotes * own.activity
    wide_odds = rates.wide_share / _WIDE_QUOTES
    quotes = max(all_quotes - groups, 0.2 * all_quotes) / (1 + wide_odds * _WIDE_QUOTES)

    parts: list[tuple[Ints, int, _Draws]] = []

    def add(
        times: Ints,
        kind: int,
        stream: str,
        thin: Sequence[Activity] = (),
        direction: Ints | None = None,
    ) -> None:
        rng = generator(seed, stream, "draws", name)
        count = len(times)
        side = rng.random(count) < 0.5
        size, other, wide, prints = (rng.random(count) for _ in range(4))
        refilled = rng.random(count) < _REFILLED
        kept = thinned(times, thin, rng.random(count))
        if direction is not None:
            side = np.where(direction == 0, side, np.where(other < _DIRECTED, direction > 0, direction < 0))
        drawn = _Draws(
            side[kept],
            size[kept],
            other[kept],
            (wide[kept] < wide_odds) & (kind == _QUOTE),
            refilled[kept],
            1 + (_squared_twice(prints[kept]) * _most_prints(rates)).astype(np.int64),
        )
        parts.append((times[kept], kind, drawn))

    trading = [*activities, *of_windows(path, grid)]
    add(arrivals(seed, ("quotes", name), quotes, rates.quote_bunching, grid), _QUOTE, "quotes", activities)
    add(extra_arrivals(seed, ("more quotes", name), quotes, activities)[0], _QUOTE, "more quotes")
    wide_times = np.concatenate([times[drawn.wide] for times, _, drawn in parts])
    delay = _WIDE_NS + (hashed(wide_times, 1) % np.uint64(_WIDE_MORE_NS)).astype(np.int64)
    add(wide_times + delay, _CLOSE, "closes")
    for number in range(1, _WIDE_QUOTES):
        add(wide_times + delay * number // _WIDE_QUOTES, _HOLD, f"held {number}")
    add(_forced(own, path, grid), _MOVE, "moves")
    add(arrivals(seed, ("trades", name), groups, rates.trade_bunching, grid), _TRADE, "trades", trading)
    more, direction = extra_arrivals(seed, ("more trades", name), groups, trading)
    add(more, _TRADE, "more trades", (), direction)
    if path.bursts:
        more, direction = _burst_trades(path, generator(seed, "bursts", name), grid)
        add(more, _TRADE, "bursts", (), direction)

    times = np.concatenate([np.zeros(1, np.int64), *(part[0] for part in parts)])
    kinds = np.concatenate([[_MOVE], *(np.full(len(part[0]), part[1]) for part in parts)])
    first = generator(seed, "first", name)
    rows = [part[2] for part in parts]
    draws = _Draws(
        np.concatenate([[False], *(row.side for row in rows)]),
        np.concatenate([first.random(1), *(row.size for row in rows)]),
        np.concatenate([first.random(1), *(row.other for row in rows)]),
        np.concatenate([[False], *(row.wide for row in rows)]),
        np.concatenate([[False], *(row.refilled for row in rows)]),
        np.concatenate([[1], *(row.prints for row in rows)]),
    )
    order = np.argsort(times, kind="stable")
    order = order[times[order] < grid.length_ns]
    for field in ("side", "size", "other", "wide", "refilled", "prints"):
        setattr(draws, field, getattr(draws, field)[order])
    return times[order], kinds[order], draws


def _forced(own: SymbolSettings, path: Latent, grid: Grid) -> Ints:
    """Quotes at sudden steps of the latent price."""
    limit = max(_FORCED_BPS, _FORCED_DEVIATIONS * own.noise_bps * grid.step_s**0.5)
    moves = np.abs(np.diff(path.log, prepend=path.log[:1]))
    steps = np.flatnonzero(moves > limit * 1e6)
    within = (hashed(steps, 2) % np.uint64(grid.step_ns // 2)).astype(np.int64)
    return steps * grid.step_ns + within


def _burst_trades(path: Latent, rng: np.random.Generator, grid: Grid) -> tuple[Ints, Ints]:
    counts = np.array([burst.trades for burst in path.bursts])
    start = np.repeat([burst.start * grid.step_ns for burst in path.bursts], counts)
    length = np.repeat([(burst.end - burst.start) * grid.step_ns for burst in path.bursts], counts)
    side = np.repeat([burst.side for burst in path.bursts], counts)
    return start + rng.integers(0, 2**31, size=len(start)) * length // 2**31, side


def _follow(mids: Floats, threshold: float) -> Ints:
    """Bid ticks that stay until the mid is more than ``threshold`` ticks off the middle of bid and ask."""
    bids: list[int] = []
    high = low = 0.0
    bid, begun = 0, False
    for mid in mids.tolist():
        if not begun or mid > high or mid < low:
            begun = True
            bid = int(mid)
            high, low = bid + 0.5 + threshold, bid + 0.5 - threshold
        bids.append(bid)
    return np.array(bids, np.int64)


def _prices(
    target: Ints,
    times: Ints,
    draws: _Draws,
    movable: Ints,
    spells: list[Spell],
    grid: Grid,
    tick_bps: float,
) -> tuple[Ints, Ints]:
    usual = np.ones(len(target), np.int64)
    for spell in spells:
        if spell.shape.spread_ticks > 1:
            first, last = np.searchsorted(times, (spell.start * grid.step_ns, spell.end * grid.step_ns))
            usual[first:last] = spell.shape.spread_ticks
    bid = target - (usual - 1) // 2
    ask = bid + usual
    wide = draws.wide[movable]
    # One step back, or a power of two of ticks more with falling odds: as skewed as the real ones.
    u = draws.other[movable]
    back = np.ones(len(target), np.int64)
    for power, odds in ((1, 0.8), (2, 0.65), (3, 0.55), (4, 0.48), (5, 0.42), (6, 0.2)):
        if 2**power * tick_bps <= max(_WIDEST_BPS, 2 * tick_bps):
            back[u < odds] = 2**power
    before = np.concatenate([target[:1], target[:-1]])
    moved = np.sign(target - before)
    # In a move the side that is left behind is late; without one either side steps back.
    ask_back = np.where(moved == 0, draws.side[movable], moved < 0)
    ask = ask + np.where(wide & ask_back, back, 0)
    bid = bid - np.where(wide & ~ask_back, back, 0)
    return np.maximum(bid, 1), np.maximum(ask, 2)


def _sizes(
    own: SymbolSettings,
    times: Ints,
    kinds: Ints,
    bid: Ints,
    ask: Ints,
    draws: _Draws,
    tick_bps: float,
    sweep_odds: float,
) -> Touch:
    spec = own.spec
    typical = max(spec.touch_notional / spec.price / spec.lot_size, 10.0)
    bid_before, ask_before = np.concatenate([bid[:1], bid[:-1]]), np.concatenate([ask[:1], ask[:-1]])
    bid_moved, ask_moved = bid != bid_before, ask != ask_before
    bid_moved[0] = ask_moved[0] = True
    still = ((kinds == _QUOTE) | (kinds == _HOLD)) & ~bid_moved & ~ask_moved
    is_trade = kinds == _TRADE
    # u² spreads sizes as the real touch does: quartiles at 0.25 and 2.25 medians, a long tail of small ones.
    fresh = 1 + (typical * 4.0 * draws.size * draws.size).astype(np.int64)
    fresh_other = 1 + (typical * 4.0 * draws.other * draws.other).astype(np.int64)
    share = 0.8 * _squared_twice(draws.size)
    refilled = is_trade & draws.refilled
    sells, buys = is_trade & ~draws.side, is_trade & draws.side
    bid_size, sold = _one_side(
        bid_moved | (still & draws.side), sells, refilled, fresh_other, share, draws.prints
    )
    ask_size, bought = _one_side(
        ask_moved | (still & ~draws.side), buys, refilled, fresh, share, draws.prints
    )

    # Moves that aggressive orders make: what was displayed is gone, and printed.
    rise, fall = ask > ask_before, bid < bid_before
    far = np.abs(bid + ask - bid_before - ask_before) * tick_bps / 2.0 >= _SWEEP_BPS
    made = ~is_trade & (rise ^ fall) & (far | (draws.size < sweep_odds)) & ~draws.wide
    made &= (kinds != _CLOSE) & np.where(rise, bid >= bid_before, ask <= ask_before)
    made[0] = False
    before = np.arange(len(times)) - 1
    swept = np.where(rise, ask_size[before], bid_size[before])
    swept_price = np.where(rise, ask_before, bid_before)

    happened = is_trade & (sold + bought > 0)
    # A new size behind a trade that found nothing to take is a quote.
    shown = bid_moved | ask_moved | still | happened | refilled
    row = np.cumsum(shown) - 1
    group = np.flatnonzero(happened | made)
    size = np.where(made, swept, sold + bought)[group]
    is_buy = np.where(made, rise, draws.side)[group]
    price = np.where(made, swept_price, np.where(draws.side, ask, bid))[group]
    prints = np.minimum(draws.prints[group], size)
    # Prints of one order: equal shares, the first takes what is left over.
    owner = np.repeat(np.arange(len(group)), prints)
    first = np.concatenate([[0], np.cumsum(prints)[:-1]]).astype(np.int64)
    pieces = (size // prints)[owner]
    pieces[first[prints > 0]] += (size % prints)[prints > 0]
    return Touch(
        times[shown],
        bid[shown],
        ask[shown],
        bid_size[shown],
        ask_size[shown],
        row[group][owner],
        price[owner],
        pieces,
        is_buy[owner],
    )


def _squared_twice(values: Floats) -> Floats:
    squared = values * values
    return squared * squared


def _one_side(
    reset: npt.NDArray[np.bool_],
    hit: npt.NDArray[np.bool_],
    refilled: npt.NDArray[np.bool_],
    fresh: Ints,
    share: Floats,
    least: Ints,
) -> tuple[Ints, Ints]:
    """Displayed size behind every event, and what trades took. Never all of it: the touch moves with the price only."""
    rows = np.flatnonzero(reset | hit)
    begins = reset[rows] | refilled[rows]
    segment = np.cumsum(begins) - 1
    start = np.flatnonzero(begins)
    rank = np.arange(len(rows)) - start[segment]
    size, taken = np.where(begins, fresh[rows], 0), np.zeros(len(rows), np.int64)

    def took(places: Ints) -> Ints:
        left = size[places - 1]
        return np.asarray(
            np.minimum(least[rows[places]] + (left * share[rows[places]]).astype(np.int64), left - 1)
        )

    # The n-th trade of every segment at once: each needs what the one before has left.
    order = np.argsort(rank, kind="stable")
    edges = np.searchsorted(rank[order], np.arange(1, int(rank.max(initial=0)) + 2))
    for first, last in pairwise(edges.tolist()):
        places = order[first:last]
        taken[places] = took(places)
        size[places] = size[places - 1] - taken[places]
    refills = np.flatnonzero(hit[rows] & refilled[rows])
    taken[refills] = took(refills)
    whole = np.zeros(len(reset), np.int64)
    whole[rows] = taken
    latest = np.maximum.accumulate(np.where(reset | hit, np.cumsum(reset | hit) - 1, 0))
    return size[latest], whole
