"""Messages as raw capture lines, ``<receive time, ns> <JSON>``, as Binance's combined stream prints them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from aurora.testing.market.messages import BUYER_IS_MAKER, DIFF, SNAPSHOT, TICKER, TRADE, Messages
from aurora.testing.market.units import Ints
from aurora.testing.settings import SymbolSpec

__all__ = ["capture_lines"]

Texts = list[str]


def decimals_of(values: Ints, unit: int, decimals: int) -> Texts:
    """Each value times ``unit`` as text with that many decimals; each distinct one is printed once."""
    distinct, place = np.unique(values, return_inverse=True)
    if decimals:
        scale = 10**decimals
        printed = [f"{n // scale}.{n % scale:0{decimals}d}" for n in (distinct * unit).tolist()]
    else:
        printed = [str(n) for n in (distinct * unit).tolist()]
    return np.array(printed, dtype=object)[place].tolist()  # type: ignore[no-any-return]


def units(spec: SymbolSpec) -> tuple[int, int]:
    """Tick and lot in the last printed decimal."""
    return (
        round(spec.tick_size * 10**spec.price_decimals),
        round(spec.lot_size * 10**spec.quantity_decimals),
    )


def capture_lines(messages: Messages, spec: SymbolSpec, rows: slice = slice(None)) -> Texts:
    """The lines of some of the messages, without line ends."""
    chosen = messages.taken(np.arange(len(messages))[rows])
    tick, lot = units(spec)
    _, level = chosen.ordered_levels()
    price = decimals_of(chosen.price[level], tick, spec.price_decimals)
    size = decimals_of(chosen.size[level], lot, spec.quantity_decimals)
    counts = chosen.bids + chosen.asks
    start = np.cumsum(counts) - counts
    texts = np.empty(len(chosen), object)
    makers: dict[int, Callable[..., Texts]] = {
        DIFF: _diffs,
        SNAPSHOT: _snapshots,
        TICKER: _tickers,
        TRADE: _trades,
    }
    for kind, make in makers.items():
        of_kind = np.flatnonzero(chosen.kind == kind)
        if len(of_kind):
            made = make(chosen.taken(of_kind), start[of_kind].tolist(), price, size, spec.symbol)
            texts[of_kind] = made
    return [f"{stamp} {text}" for stamp, text in zip(chosen.local_ns.tolist(), texts.tolist(), strict=True)]


def _tickers(rows: Messages, start: list[int], price: Texts, size: Texts, name: str) -> Texts:
    head = f'{{"stream":"{name.lower()}@bookTicker","data":{{"e":"bookTicker","u":'
    return [
        f'{head}{u},"s":"{name}","b":"{price[i]}","B":"{size[i]}","a":"{price[i + 1]}","A":"{size[i + 1]}",'
        f'"T":{t},"E":{e}}}}}'
        for u, i, t, e in zip(
            rows.last_id.tolist(), start, rows.transaction_ms.tolist(), rows.event_ms.tolist(), strict=True
        )
    ]


def _trades(rows: Messages, start: list[int], price: Texts, size: Texts, name: str) -> Texts:
    head = f'{{"stream":"{name.lower()}@trade","data":{{"e":"trade","E":'
    makers = np.where(rows.flags & BUYER_IS_MAKER, "true", "false").tolist()
    return [
        f'{head}{e},"T":{t},"s":"{name}","t":{n},"p":"{price[i]}","q":"{size[i]}","X":"MARKET","m":{m}}}}}'
        for e, t, n, i, m in zip(
            rows.event_ms.tolist(),
            rows.transaction_ms.tolist(),
            rows.last_id.tolist(),
            start,
            makers,
            strict=True,
        )
    ]


def _levels(price: Texts, size: Texts, first: int, last: int) -> str:
    return ",".join([f'["{p}","{q}"]' for p, q in zip(price[first:last], size[first:last], strict=True)])


def _diffs(rows: Messages, start: list[int], price: Texts, size: Texts, name: str) -> Texts:
    head = f'{{"stream":"{name.lower()}@depth@0ms","data":{{"e":"depthUpdate","E":'
    return [
        f'{head}{e},"T":{t},"s":"{name}","U":{first},"u":{last},"pu":{previous},'
        f'"b":[{_levels(price, size, i, i + b)}],"a":[{_levels(price, size, i + b, i + b + a)}]}}}}'
        for e, t, first, last, previous, i, b, a in zip(
            rows.event_ms.tolist(),
            rows.transaction_ms.tolist(),
            rows.first_id.tolist(),
            rows.last_id.tolist(),
            rows.previous_id.tolist(),
            start,
            rows.bids.tolist(),
            rows.asks.tolist(),
            strict=True,
        )
    ]


def _snapshots(rows: Messages, start: list[int], price: Texts, size: Texts, name: str) -> Texts:
    return [
        f'{{"lastUpdateId":{u},"E":{e},"T":{t},"bids":[{_levels(price, size, i, i + b)}],'
        f'"asks":[{_levels(price, size, i + b, i + b + a)}]}}'
        for u, e, t, i, b, a in zip(
            rows.last_id.tolist(),
            rows.event_ms.tolist(),
            rows.transaction_ms.tolist(),
            start,
            rows.bids.tolist(),
            rows.asks.tolist(),
            strict=True,
        )
    ]
