"""Hypothesis strategies for raw captures: small L2 streams that are right, and the same with one known fault.

A stream is a list of capture lines (bytes, ``<local receive time, ns> <JSON>\\n``) of one USDⓈ-M symbol, as Binance's
combined stream and a REST snapshot print them: ``b"".join(lines)`` is a capture file. Hypothesis is no dependency of
Aurora; this module alone needs it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from aurora.testing.capture_lines import CENTRE_TICKS, MILLISECOND, CaptureLine, LineMarket

try:
    from hypothesis import strategies as st
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "aurora.testing.strategies needs hypothesis, which Aurora itself does not: pip install hypothesis",
        name="hypothesis",
    ) from error

__all__ = ["FAULTS", "broken_l2_streams", "l2_streams"]

FAULTS = (
    "dropped_diff",
    "duplicated_diff",
    "reordered_diffs",
    "truncated_line",
    "bad_decimal",
    "missing_snapshot",
    "second_snapshot",
    "clock_backwards",
    "crossed_book",
)
"""What :func:`broken_l2_streams` can break, and what a reader has to make of it.

===================  =================================================================================================
dropped_diff         a diff behind the snapshot's is missing: the book is stale from there to the end
duplicated_diff      a diff comes twice, at once or later: the second changes nothing
reordered_diffs      two neighbouring diffs behind the snapshot's change places: stale, as for a dropped one
truncated_line       a line breaks off: a fault at that line
bad_decimal          a price or size is no plain decimal: a fault at that line
missing_snapshot     there is none: the book never begins
second_snapshot      one more, true snapshot, behind the diff it shows or some diffs later: nothing changes
clock_backwards      a line was received before the one ahead of it: its time is held
crossed_book         a diff leaves a bid at or above an ask: synchronised, but crossed
===================  =================================================================================================
"""


_LEVEL_ROWS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 40)), max_size=4)
_IDS = st.tuples(st.integers(0, 3), st.integers(0, 5))
_EVENTS = st.one_of(
    st.tuples(st.just("levels"), _LEVEL_ROWS, _LEVEL_ROWS),
    st.tuples(st.just("levels"), _LEVEL_ROWS, _LEVEL_ROWS),
    st.tuples(st.just("ticker"), st.integers(0, 3), st.integers(1, 40)),
    st.tuples(st.just("trade"), st.booleans(), st.integers(1, 40)),
    st.tuples(st.just("vanish"), st.booleans(), st.integers(1, 8)),
    st.tuples(st.just("jump"), st.booleans(), st.integers(1_000, 20_000)),
)
_STEPS = st.tuples(st.sampled_from((0, 1, 5, 40, 100, 900)), _EVENTS, _IDS)


@st.composite
def _streams(
    draw: st.DrawFn, symbol: str, tick: Decimal, lot: Decimal, min_events: int, max_events: int
) -> LineMarket:
    market = LineMarket(symbol, tick, lot, draw(st.integers(1, 10**6)), draw(st.integers(-1_300, 40)))
    before = draw(st.lists(_STEPS, max_size=3))
    after = draw(st.lists(_STEPS, min_size=min_events, max_size=max_events))
    for step in before:
        _take(market, step)
    # The diff that meets the snapshot. Its id lies in that diff's range; a snapshot taken at its end shows it.
    meeting = len(market.lines)
    shown = (dict(market.bids), dict(market.asks))
    skipped, ids = draw(_IDS)
    market.local_ns += MILLISECOND
    market.diff(market.change([(1, 7)], [(2, 9)]), skipped, ids)
    last = market.update_id - draw(st.integers(0, ids))
    if last == market.update_id:
        shown = (dict(market.bids), dict(market.asks))
    for step in after:
        _take(market, step)
    # At least four diffs behind it, so that one of them can be missed.
    for distance in range(4):
        market.local_ns += 3 * MILLISECOND
        market.diff(market.change([(distance, 5)], [(distance, 6)]), 0, 1)
    # A REST answer takes its time: it may come before the diff that it meets, or some lines behind it.
    position = meeting + draw(st.integers(0, min(3, len(market.lines) - meeting - 1)))
    market.local_ns = market.lines[position].local_ns
    snapshot = CaptureLine("snapshot", market.local_ns, market.snapshot_frame(last, *shown), last)
    market.lines.insert(position, snapshot)
    return market


def _take(market: LineMarket, step: Any) -> None:
    gap_ms, (what, first, second), (skipped, ids) = step
    market.local_ns += gap_ms * MILLISECOND
    if what == "levels":
        market.diff(market.change(first, second), skipped, ids)
    elif what == "ticker":
        market.ticker(first, second, second)
    elif what == "trade":
        market.trade(first, second, ordinary=ids > 0)
    elif what == "vanish":
        side = sorted(market.bids, reverse=True) if first else sorted(market.asks)
        gone = dict.fromkeys(side[:second], 0)
        # The venue also deletes levels that were never shown.
        gone |= {market.centre + (-40 if first else 40): 0}
        market.diff((gone, {}) if first else ({}, gone), skipped, ids)
    else:
        market.diff(market.jump(second if first else -second), skipped, ids)


def l2_streams(
    *,
    symbol: str = "BTCUSDT",
    tick: Decimal = Decimal("0.10"),
    lot: Decimal = Decimal("0.001"),
    min_events: int = 0,
    max_events: int = 40,
) -> st.SearchStrategy[list[bytes]]:
    """Valid streams: one snapshot that a diff meets, diffs that follow one another (``U``, ``u``, ``pu``), tickers,
    trades.

    The market moves by ticks and at times jumps by thousands of them with all its levels; levels vanish, up to a
    whole side; levels that never were are deleted. Receive times never decrease, the book never crosses, and a
    ticker with the id of a diff shows the touch behind that diff.

    Args:
        tick, lot: price and size steps; their decimals are what the lines print.
        min_events, max_events: drawn lines behind the snapshot's diff; four more diffs end every stream.
    """
    streams = _streams(symbol, tick, lot, min_events, max_events)
    return streams.map(lambda market: _texts(market.lines))


def broken_l2_streams(
    *,
    faults: Sequence[str] = FAULTS,
    symbol: str = "BTCUSDT",
    tick: Decimal = Decimal("0.10"),
    lot: Decimal = Decimal("0.001"),
    min_events: int = 0,
    max_events: int = 40,
) -> st.SearchStrategy[tuple[list[bytes], str]]:
    """Streams of :func:`l2_streams` with one fault of :data:`FAULTS`: (lines, ``"<fault> at line <n>"``), lines counted
    from 1 in what is given back.

    Raises:
        ValueError: an unknown fault, or none.
    """
    unknown = [fault for fault in faults if fault not in FAULTS]
    if unknown or not faults:
        raise ValueError(f"unknown faults {unknown}; there are {', '.join(FAULTS)}")
    return _broken(tuple(faults), _streams(symbol, tick, lot, min_events, max_events))


@st.composite
def _broken(
    draw: st.DrawFn, faults: tuple[str, ...], streams: st.SearchStrategy[LineMarket]
) -> tuple[list[bytes], str]:
    market = draw(streams)
    fault = draw(st.sampled_from(faults))
    texts, place = _BREAKERS[fault](draw, market)
    return texts, f"{fault} at line {place + 1}"


def _texts(lines: Sequence[CaptureLine]) -> list[bytes]:
    return [line.text() for line in lines]


def _diffs(lines: Sequence[CaptureLine]) -> list[int]:
    return [n for n, line in enumerate(lines) if line.kind == "diff"]


def _behind_the_meeting(lines: Sequence[CaptureLine]) -> list[int]:
    """Diffs that the book needs in full: those behind the one that meets the snapshot."""
    last = next(line.update_id for line in lines if line.kind == "snapshot")
    return [n for n in _diffs(lines) if lines[n].update_id > last][1:]


def _drop(draw: st.DrawFn, market: LineMarket) -> tuple[list[bytes], int]:
    lines = market.lines
    place = draw(st.sampled_from(_behind_the_meeting(lines)[:-1]))
    return _texts(lines[:place] + lines[place + 1 :]), place


def _duplicate(draw: st.DrawFn, market: LineMarket) -> tuple[list[bytes], int]:
    lines = market.lines
    source = draw(st.sampled_from(_diffs(lines)))
    place = draw(st.integers(source, min(source + 4, len(lines) - 1))) + 1
    again = replace(lines[source], local_ns=lines[place - 1].local_ns)
    return _texts([*lines[:place], again, *lines[place:]]), place


def _reorder(draw: st.DrawFn, market: LineMarket) -> tuple[list[bytes], int]:
    lines = market.lines
    behind = _behind_the_meeting(lines)
    number = draw(st.integers(0, len(behind) - 2))
    early, late = behind[number], behind[number + 1]
    swapped = list(lines)
    swapped[early] = replace(lines[late], local_ns=lines[early].local_ns)
    swapped[late] = replace(lines[early], local_ns=lines[late].local_ns)
    return _texts(swapped), early


def _truncate(draw: st.DrawFn, market: LineMarket) -> tuple[list[bytes], int]:
    lines = market.lines
    texts = _texts(lines)
    place = draw(st.integers(0, len(texts) - 1))
    texts[place] = texts[place][: draw(st.integers(1, len(texts[place]) - 2))] + b"\n"
    return texts, place


_BAD_DECIMALS = ("6x", "", "-1.0", "1e3", "1.2.3", "NaN", "1,5", "0x10", ".")


def _spoil(draw: st.DrawFn, market: LineMarket) -> tuple[list[bytes], int]:
    """One price or size of a line becomes something else."""
    lines = market.lines
    spots: list[tuple[int, str, int, int]] = []
    for n, line in enumerate(lines):
        data = line.frame.get("data", line.frame)
        for key in ("b", "a", "bids", "asks", "B", "A", "p", "q"):
            value = data.get(key)
            if isinstance(value, str):
                spots.append((n, key, 0, 0))
            elif isinstance(value, list):
                spots.extend((n, key, row, cell) for row in range(len(value)) for cell in (0, 1))
    place, key, row, cell = draw(st.sampled_from(spots))
    frame = json.loads(json.dumps(lines[place].frame))
    data = frame.get("data", frame)
    bad = draw(st.sampled_from(_BAD_DECIMALS))
    if isinstance(data[key], str):
        data[key] = bad
    else:
        data[key][row][cell] = bad
    spoilt = replace(lines[place], frame=frame)
    return _texts([*lines[:place], spoilt, *lines[place + 1 :]]), place


def _without_snapshot(draw: st.DrawFn, market: LineMarket) -> tuple[list[bytes], int]:
    lines = market.lines
    place = next(n for n, line in enumerate(lines) if line.kind == "snapshot")
    return _texts(lines[:place] + lines[place + 1 :]), place


def _second_snapshot(draw: st.DrawFn, market: LineMarket) -> tuple[list[bytes], int]:
    lines = market.lines
    first = next(n for n, line in enumerate(lines) if line.kind == "snapshot")
    source = draw(st.sampled_from(_behind_the_meeting(lines)))
    place = max(source, first) + 1
    place = draw(st.integers(place, min(place + 4, len(lines))))
    shown = lines[source]
    market.local_ns = lines[place - 1].local_ns
    frame = market.snapshot_frame(shown.update_id, *shown.book)
    again = CaptureLine("snapshot", market.local_ns, frame, shown.update_id)
    return _texts([*lines[:place], again, *lines[place:]]), place


def _turn_back(draw: st.DrawFn, market: LineMarket) -> tuple[list[bytes], int]:
    lines = market.lines
    place = draw(st.integers(1, len(lines) - 1))
    back = draw(st.integers(1, 5_000)) * MILLISECOND
    early = replace(lines[place], local_ns=lines[place - 1].local_ns - back)
    return _texts([*lines[:place], early, *lines[place + 1 :]]), place


def _cross(draw: st.DrawFn, market: LineMarket) -> tuple[list[bytes], int]:
    """A bid above an ask, in rows of their own, so that it does not matter what else stands."""
    lines = market.lines
    place = draw(st.sampled_from(_behind_the_meeting(lines)))
    centre = max(lines[place].book[0], default=CENTRE_TICKS)
    frame = json.loads(json.dumps(lines[place].frame))
    over = draw(st.integers(0, 3))
    frame["data"]["b"] += market.rows({centre + over: 3})
    frame["data"]["a"] += market.rows({centre: 4})
    return _texts([*lines[:place], replace(lines[place], frame=frame), *lines[place + 1 :]]), place


_BREAKERS: dict[str, Callable[[st.DrawFn, LineMarket], tuple[list[bytes], int]]] = {
    "dropped_diff": _drop,
    "duplicated_diff": _duplicate,
    "reordered_diffs": _reorder,
    "truncated_line": _truncate,
    "bad_decimal": _spoil,
    "missing_snapshot": _without_snapshot,
    "second_snapshot": _second_snapshot,
    "clock_backwards": _turn_back,
    "crossed_book": _cross,
}
