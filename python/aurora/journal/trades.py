"""What the fills of one trace earned, in exact decimals (linear contracts)."""

from __future__ import annotations

import decimal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from .exact import EXACT

ZERO = Decimal(0)
_AVERAGE = decimal.Context(prec=28)


@dataclass(frozen=True, slots=True)
class TradeResult:
    """The account of one trace. Prices and money in quote currency, sizes in base currency."""

    fills: int
    side: int
    """+1 or -1: the side of the first entry; 0 without fills."""
    entered: Decimal
    """Size filled on the entry leg."""
    position: Decimal
    """Signed size left open."""
    entry_price: Decimal | None
    """Average over the entry leg, by size (28 digits)."""
    exit_price: Decimal | None
    """Average over all other legs, by size (28 digits)."""
    cash: Decimal
    """Sum of -side * price * size: equals the gross P&L once the position is flat."""
    fees: Decimal
    """Fees paid; rebates are negative."""
    opened_ns: int | None
    closed_ns: int | None
    """Local time of the first and, when flat, of the last fill."""

    @property
    def flat(self) -> bool:
        return self.fills > 0 and self.position == 0

    @property
    def gross(self) -> Decimal | None:
        """Realised P&L before fees; None while the position is open or nothing was filled."""
        return self.cash if self.flat else None

    @property
    def net(self) -> Decimal | None:
        """Realised P&L after fees; None while the position is open or nothing was filled."""
        return EXACT.subtract(self.cash, self.fees) if self.flat else None


def trade_result(fills: Iterable[Mapping[str, Any]]) -> TradeResult:
    """Sums up the fills of one trace, rows as :meth:`Journal.fills` has them (any order)."""
    rows = sorted(fills, key=lambda row: (row["local_ns"], row.get("sequence", 0)))
    cash = fees = position = ZERO
    notional = {"entry": ZERO, "exit": ZERO}
    sizes = {"entry": ZERO, "exit": ZERO}
    side = 0
    with decimal.localcontext(EXACT):
        for row in rows:
            leg = "entry" if row["leg"] == "entry" else "exit"
            side = side or (row["side"] if leg == "entry" else -row["side"])
            value = row["price"] * row["size"]
            notional[leg] += value
            sizes[leg] += row["size"]
            cash -= row["side"] * value
            position += row["side"] * row["size"]
            fees += row["fee"]
    average = {leg: _AVERAGE.divide(notional[leg], sizes[leg]) if sizes[leg] else None for leg in sizes}
    return TradeResult(
        fills=len(rows),
        side=side,
        entered=sizes["entry"],
        position=position,
        entry_price=average["entry"],
        exit_price=average["exit"],
        cash=cash,
        fees=fees,
        opened_ns=rows[0]["local_ns"] if rows else None,
        closed_ns=rows[-1]["local_ns"] if rows and position == 0 else None,
    )
