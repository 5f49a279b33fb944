"""The way to flat: entries first, then positions, stops last.

No order ends but by evidence of the venue, so the steps are asked for again after each report until nothing is left.
A stop rests until its position is gone: cancelled earlier, a failed close would leave the position naked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from aurora.errors import DataError

KINDS = ("entry", "conditional_entry", "close", "stop")


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """An order that may still be live at the venue; one of unknown state counts."""

    client_id: str
    symbol: str
    kind: str
    """``entry``, ``conditional_entry``, ``close`` (reduces towards flat) or ``stop`` (protects)."""
    cancel_requested: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """``cancel`` of one order, or ``close`` of one position by an order that can only reduce it."""

    action: str
    symbol: str
    client_id: str | None = None
    side: int = 0
    size: int = 0


def flatten_steps(positions: Iterable[tuple[str, int]], orders: Iterable[OpenOrder]) -> tuple[Step, ...]:
    """What to do next on the way to flat; nothing once there is nothing left. Asking twice does no harm.

    1. Every entry, plain or conditional, is cancelled at once.
    2. A position that no close works on is closed reduce-only, while its stop rests.
    3. A symbol without position, entries and closes loses its stops.

    Args:
        positions: symbol and signed size.
        orders: all that may be live.
    """
    held = {symbol: size for symbol, size in positions if size != 0}
    live = sorted(orders, key=lambda order: (order.symbol, order.client_id))
    for order in live:
        if order.kind not in KINDS:
            raise DataError(f"order {order.client_id} is a {order.kind!r}; there are {', '.join(KINDS)}")
    entries = [order for order in live if order.kind in ("entry", "conditional_entry")]
    closing = {order.symbol for order in live if order.kind == "close"}
    steps = [Step("cancel", o.symbol, o.client_id) for o in entries if not o.cancel_requested]
    for symbol, size in sorted(held.items()):
        if symbol not in closing:
            steps.append(Step("close", symbol, None, -1 if size > 0 else 1, abs(size)))
    busy = set(held) | closing | {order.symbol for order in entries}
    for order in live:
        if order.kind == "stop" and order.symbol not in busy and not order.cancel_requested:
            steps.append(Step("cancel", order.symbol, order.client_id))
    return tuple(steps)
