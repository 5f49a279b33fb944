"""The order book of one synthetic symbol, driven by a price path, and the messages an observer receives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aurora.testing.book_side import BookSide
from aurora.testing.settings import GRID_MS, SymbolSpec

__all__ = ["Impulse", "MarketPath", "simulate_capture"]

_MS = 1_000_000  # nanoseconds
_STEP_NS = GRID_MS * _MS
_DIFF_EVERY_NS = 100 * _MS

# Events per second beside the moves of the path.
_TRADES_PER_S = 2.0
_TOUCH_CHANGES_PER_S = 6.0
_DEEP_CHANGES_PER_S = 15.0

_LEVEL_SPACING_BPS = 0.4
# A quote follows the path once it is this far off; in basis points, so that fine-ticked symbols do not
# requote more often than coarse ones.
_REQUOTE_BPS, _REQUOTE_TICKS = 0.5, 0.75
# A single move of this size is a sweep of a ramp: an aggressive order carries it, not cancellations.
_SWEEP_BPS = 3.0
_PRE_IMPULSE_NS = 250 * _MS

_MOVE, _TRADE, _TOUCH, _DEEP, _DIFF, _SNAPSHOT = range(6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Impulse:
    """A planted ramp: first grid step, number of grid steps, signed size in basis points."""

    step: int
    steps: int
    bps: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketPath:
    """What the book follows.

    mid_ticks: latent mid in ticks, one float per 5 ms grid step.
    start_ms: exchange time of step 0, milliseconds since the epoch.
    announced: impulses preceded by trades in their direction.
    pre_impulse_trades: mean number of those trades for each impulse.
    """

    mid_ticks: NDArray[np.float64]
    start_ms: int
    announced: tuple[Impulse, ...]
    pre_impulse_trades: float


def simulate_capture(
    *,
    spec: SymbolSpec,
    path: MarketPath,
    rng: np.random.Generator,
    clock_offset_ms: int,
    latency_ms: float,
    report: Callable[[float], None],
) -> list[str]:
    """Run the book along `path`; returns the capture lines in local time order, without line ends.

    Local times are exchange times plus `clock_offset_ms` plus a latency of `latency_ms` with positive jitter.
    `report` receives the finished fraction every few hundred diffs.
    """
    times, kinds, values = _schedule(spec, path, rng)
    draw = _uniforms(rng).__next__
    typical = max(spec.touch_notional / spec.price / spec.lot_size, 10.0)
    spacing = max(1, round(_LEVEL_SPACING_BPS * 1e-4 * spec.price / spec.tick_size))
    first_bid = int(path.mid_ticks[0])
    bids = BookSide(first_bid, typical, spacing, draw)
    asks = BookSide(-(first_bid + 1), typical, spacing, draw)

    name, low = spec.symbol, spec.symbol.lower()
    pd, ps, pu = spec.price_decimals, 10**spec.price_decimals, round(spec.tick_size * 10**spec.price_decimals)
    qd, qs, qu = (
        spec.quantity_decimals,
        10**spec.quantity_decimals,
        round(spec.lot_size * 10**spec.quantity_decimals),
    )
    sweep_ticks = _SWEEP_BPS * 1e-4 * spec.price / spec.tick_size

    def price(tick: int) -> str:
        return f"{tick * pu / ps:.{pd}f}"

    def quantity(lots: int) -> str:
        return f"{lots * qu / qs:.{qd}f}"

    def levels(side: BookSide, keys: list[int]) -> str:
        get = side.lots.get
        return ",".join([f'["{price(abs(key))}","{quantity(get(key, 0))}"]' for key in keys])

    # Update ids are one increasing sequence; they skip, as one engine numbers all of its instruments.
    update = 5_000_000_000_000 + int(draw() * 1e12)
    trade_id = 1_000_000_000 + int(draw() * 1e9)
    window_first = 0  # first update of the diff being collected; 0 when there is none
    previous = update
    depth: list[tuple[int, str]] = []
    ticker: list[tuple[int, str]] = []
    trades: list[tuple[int, str]] = []
    snapshot: tuple[int, str] = (0, "")
    start_ns = path.start_ms * _MS

    def emit_ticker(t: int) -> None:
        ms = t // _MS
        b, a = bids.keys[-1], asks.keys[-1]
        ticker.append(
            (
                t,
                f'{{"stream":"{low}@bookTicker","data":{{"e":"bookTicker","u":{update},"s":"{name}",'
                f'"b":"{price(b)}","B":"{quantity(bids.lots[b])}","a":"{price(-a)}","A":"{quantity(asks.lots[a])}",'
                f'"T":{ms},"E":{ms}}}}}',
            )
        )

    def emit_trade(t: int, side: BookSide, lots: int) -> None:
        nonlocal trade_id
        trade_id += 1
        ms = t // _MS
        trades.append(
            (
                t,
                f'{{"stream":"{low}@trade","data":{{"e":"trade","E":{ms},"T":{ms},"s":"{name}","t":{trade_id},'
                f'"p":"{price(abs(side.keys[-1]))}","q":"{quantity(lots)}","X":"MARKET",'
                f'"m":{"true" if side is bids else "false"}}}}}',
            )
        )

    emit_ticker(start_ns)
    last_event = start_ns
    spread_wish = 1
    count = len(times)
    for index in range(count):
        t, kind, value = times[index] + start_ns, kinds[index], values[index]
        if kind == _DIFF:
            if window_first:
                depth.append(
                    (
                        t,
                        f'{{"stream":"{low}@depth@100ms","data":{{"e":"depthUpdate","E":{t // _MS},'
                        f'"T":{last_event // _MS},"s":"{name}","U":{window_first},"u":{update},'
                        f'"pu":{previous},'
                        f'"b":[{levels(bids, sorted(bids.changed))}],'
                        f'"a":[{levels(asks, sorted(asks.changed, reverse=True))}]}}}}',
                    )
                )
                bids.changed.clear()
                asks.changed.clear()
                previous, window_first = update, 0
                if len(depth) % 500 == 0:
                    report(0.9 * index / count)
            continue
        if kind == _SNAPSHOT:
            snapshot = (
                t,
                f'{{"lastUpdateId":{update},"E":{t // _MS},"T":{last_event // _MS},'
                f'"bids":[{levels(bids, bids.keys[::-1])}],"asks":[{levels(asks, asks.keys[::-1])}]}}',
            )
            continue

        touched = True
        if kind == _MOVE:
            bid, ask = bids.keys[-1], -asks.keys[-1]
            # The side being left behind sometimes takes a moment to follow: the spread opens by a few ticks.
            spread_wish = 1 if draw() < 0.85 else 2 + int(draw() * 2)
            up = 2 * value + 1 > bid + ask
            new_bid = value + 1 - spread_wish if up else value
            new_ask = value + 1 if up else value + spread_wish
            if new_bid == bid and new_ask == ask:
                continue
            step = abs(2 * value + 1 - bid - ask) / 2
            if (new_ask > ask if up else new_bid < bid) and (step >= sweep_ticks or draw() < 0.4):
                # The whole displayed level is taken, so it is gone from the book that follows.
                taken = asks if up else bids
                emit_trade(t, taken, taken.lots[taken.keys[-1]])
            bids.move_best(new_bid)
            asks.move_best(-new_ask)
        elif kind == _TRADE:
            buys = draw() < 0.5 if value == 0 else value > 0
            side = asks if buys else bids
            shown = side.lots[side.keys[-1]]
            if shown < 2:
                continue
            # Never the whole level: the touch moves with the path only.
            lots = 1 + int((shown - 1) * 0.6 * draw() * draw())
            emit_trade(t, side, lots)
            side.place(side.keys[-1], shown - lots)
        elif kind == _TOUCH:
            side = bids if draw() < 0.5 else asks
            if -asks.keys[-1] - bids.keys[-1] > 1:
                side.move_best(side.keys[-1] + 1)
            else:
                side.place(side.keys[-1], side.size())
        else:
            (bids if draw() < 0.5 else asks).change_deep()
            touched = False
        update += 1 + int(draw() * 150)
        window_first = window_first or update
        last_event = t
        if touched:
            emit_ticker(t)
    report(0.95)

    offset_ns = clock_offset_ms * _MS
    arrivals: list[NDArray[np.int64]] = []
    texts: list[str] = []
    # The streams share a connection but not their place in the exchange's pipeline.
    for stream, extra_ms in ((ticker, 0.0), (trades, 0.3), (depth, 0.8)):
        sent = np.array([t for t, _ in stream], dtype=np.int64)
        delay = (latency_ms + extra_ms + 0.8 * rng.standard_exponential(len(stream))) * _MS
        order = 200 * np.arange(len(stream), dtype=np.int64)
        # Messages of one stream never overtake each other and are at least 200 ns apart.
        arrivals.append(np.maximum.accumulate(sent + delay.astype(np.int64) + offset_ns - order) + order)
        texts.extend(text for _, text in stream)
    # The REST answer takes much longer than a push: the diff that brackets it has usually arrived before it.
    answered = snapshot[0] + offset_ns + int((latency_ms + 60.0 + 60.0 * draw()) * _MS)
    arrivals.append(np.array([answered], dtype=np.int64))
    texts.append(snapshot[1])
    local = np.concatenate(arrivals)
    ranks = np.argsort(local, kind="stable").tolist()
    stamps = local.tolist()
    return [f"{stamps[rank]} {texts[rank]}" for rank in ranks]


def _uniforms(rng: np.random.Generator) -> Iterator[float]:
    # Drawn in blocks: one call into numpy for each single number would dominate the run.
    while True:
        yield from rng.random(8192).tolist()


def _schedule(
    spec: SymbolSpec, path: MarketPath, rng: np.random.Generator
) -> tuple[list[int], list[int], list[int]]:
    """All events in time order: nanoseconds since the start, kind, and the kind's value.

    The value of a move is the bid tick to go to; of a trade the wished direction, 0 for either.
    """
    mids = path.mid_ticks.tolist()
    threshold = max(_REQUOTE_TICKS, _REQUOTE_BPS * 1e-4 * spec.price / spec.tick_size)
    bid = int(mids[0])
    centre = bid + 0.5
    steps: list[int] = []
    goals: list[int] = []
    for step, mid in enumerate(mids):
        if mid - centre > threshold or centre - mid > threshold:
            bid = int(mid)
            centre = bid + 0.5
            steps.append(step)
            goals.append(bid)

    length = len(mids) * _STEP_NS
    seconds = length / 1e9
    moves = np.array(steps, dtype=np.int64) * _STEP_NS + rng.integers(0, _STEP_NS, size=len(steps))
    times = [moves]
    kinds = [np.full(len(steps), _MOVE)]
    values = [np.array(goals, dtype=np.int64)]

    def add(kind: int, at: NDArray[np.int64], value: int = 0) -> None:
        times.append(at)
        kinds.append(np.full(len(at), kind))
        values.append(np.full(len(at), value))

    for kind, rate in ((_TRADE, _TRADES_PER_S), (_TOUCH, _TOUCH_CHANGES_PER_S), (_DEEP, _DEEP_CHANGES_PER_S)):
        add(kind, rng.integers(0, length, size=int(rng.poisson(rate * seconds))))
    for impulse in path.announced:
        begin = impulse.step * _STEP_NS
        size = int(rng.poisson(path.pre_impulse_trades))
        at = rng.integers(max(begin - _PRE_IMPULSE_NS, 0), begin, size=size)
        add(_TRADE, at, 1 if impulse.bps > 0 else -1)
    phase = int(rng.integers(1, _DIFF_EVERY_NS))
    add(_DIFF, np.arange(phase, length + _DIFF_EVERY_NS, _DIFF_EVERY_NS, dtype=np.int64))
    # The snapshot is taken well inside the fifth window. Changes before and after it in that window, and in
    # the first two, make sure that some diffs are older than it and that one diff brackets it.
    fifth = phase + 4 * _DIFF_EVERY_NS
    add(_SNAPSHOT, fifth + rng.integers(20 * _MS, 80 * _MS, size=1))
    sure = (phase // 2, phase + _DIFF_EVERY_NS // 2, fifth + 10 * _MS, fifth + 90 * _MS)
    add(_DEEP, np.array(sure, dtype=np.int64))

    time = np.concatenate(times)
    rank = np.argsort(time, kind="stable")
    return time[rank].tolist(), np.concatenate(kinds)[rank].tolist(), np.concatenate(values)[rank].tolist()
