"""The account's limits (SPEC section 7): what an entry would breach, and how much notional each limit leaves.

Money is integer quanta of 1e-8 throughout, comparisons are exact, and a limit may be reached but not passed. An order
of exactly the room that :func:`room` tells passes :func:`breaches`; one quantum more does not. Whatever only reduces
a position passes always: a limit that keeps a position from being closed makes things worse.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from aurora.errors import DataError
from aurora.risk.exact import Number, exact
from aurora.risk.policy import Policy


@dataclass(frozen=True, slots=True)
class SymbolState:
    """One symbol of the account, money quanta."""

    position: int = 0
    """Notional of the position at the mark, shorts negative."""
    working_buys: int = 0
    """Notional of working entries that buy, reserve included."""
    working_sells: int = 0
    sector: str = ""
    """Symbols without a sector share none."""
    open_risk: int = 0
    """Loss at the stops of the position and of working entries."""
    traded_7d: int = 0
    """Notional traded in the last 7 days."""

    @property
    def working(self) -> int:
        return self.working_buys + self.working_sells


@dataclass(frozen=True, slots=True)
class AccountState:
    """What limits compare with, money quanta."""

    equity: int
    remaining_daily_loss: int
    """What may still be lost before the day ends."""
    traded_today: int
    """Notional traded since 00:00 UTC, both ways."""
    day_start_equity: int
    symbols: Mapping[str, SymbolState]

    @property
    def open_risk(self) -> int:
        return sum(state.open_risk for state in self.symbols.values())


@dataclass(frozen=True, slots=True)
class Entry:
    """An order that would open, add to or turn a position."""

    symbol: str
    side: int
    """+1 buys, -1 sells."""
    notional: int
    """Money quanta."""
    stop_loss: int
    """Loss at its stop, costs included, money quanta."""
    sector: str = ""
    scale_in: bool = False
    """The intent allows adding to a position."""
    flip: bool = False
    """The intent allows turning a position round."""


@dataclass(frozen=True, slots=True)
class Breach:
    """A limit that an entry would pass."""

    reason: str
    """Reason code."""
    value: Fraction | None
    """What would result, money quanta; None where the intent lacks a flag."""
    limit: Fraction | None


def _share(percent: Decimal | Fraction, amount: int) -> Fraction:
    return Fraction(percent) * max(0, amount) / 100


def _symbol(account: AccountState, symbol: str) -> SymbolState:
    return account.symbols.get(symbol, SymbolState())


def share_cap(policy: Policy, active_symbols: int) -> Fraction:
    """Largest share of the 7-day notional one symbol may have: max(25 %, 1.5 / n) for n active symbols.

    25 % alone would deadlock below four symbols.
    """
    if active_symbols < 1:
        raise DataError(f"{active_symbols} active symbols; the one that trades is active")
    limits = policy.limits
    return max(
        Fraction(limits.notional_share_pct) / 100, Fraction(limits.notional_share_multiple) / active_symbols
    )


def _active(account: AccountState, symbol: str) -> int:
    return len({name for name, state in account.symbols.items() if state.traded_7d > 0} | {symbol})


def exposure_limits(policy: Policy, equity: int, exposure_scale: Number) -> dict[str, Fraction]:
    """The limits on what is held, money quanta: ``position``, ``symbol``, ``sector``, ``gross``, ``leverage``,
    ``net_long`` and ``net_short``.

    Args:
        exposure_scale: share of them that breakers leave, in [0, 1].
    """
    scale = exact("exposure_scale", exposure_scale)
    if not 0 <= scale <= 1:
        raise DataError(f"exposure_scale is {float(scale)}; it lies in [0, 1]")
    limits = policy.limits
    shares = {
        "position": policy.position_pct,
        "symbol": policy.symbol_exposure_pct,
        "sector": limits.sector_pct,
        "gross": policy.gross_exposure_pct,
        "leverage": policy.leverage * 100,
        "net_long": limits.net_max_pct,
        "net_short": -limits.net_min_pct,
    }
    return {name: _share(percent, equity) * scale for name, percent in shares.items()}


@dataclass(frozen=True, slots=True)
class _Line:
    """One linear limit: ``used`` plus the order's notional may not pass ``limit``."""

    name: str
    reason: str
    used: Fraction | int
    limit: Fraction


def _lines(
    policy: Policy, account: AccountState, symbol: str, side: int, sector: str, exposure_scale: Number
) -> list[_Line]:
    """Every limit on notional as (used + order <= limit); what the order takes off an opposite position is in
    ``used`` with a minus sign."""
    if side not in (1, -1):
        raise DataError(f"side is {side}; it is +1 or -1")
    equity, own = account.equity, _symbol(account, symbol)
    most = exposure_limits(policy, equity, exposure_scale)
    sector = sector or own.sector
    held = side * own.position
    others = [state for name, state in account.symbols.items() if name != symbol]
    gross_others = sum(abs(state.position) + state.working for state in others)
    sector_others = sum(
        abs(state.position) + state.working for state in others if sector and state.sector == sector
    )
    net = sum(state.position for state in account.symbols.values())
    buys = sum(state.working_buys for state in account.symbols.values())
    sells = sum(state.working_sells for state in account.symbols.values())
    limits = policy.limits
    net_used, net_limit = (net + buys, "net_long") if side > 0 else (-(net - sells), "net_short")
    own_gross = held + own.working
    lines = [
        _Line("position", "deny.position_limit", held, most["position"]),
        _Line("symbol", "deny.symbol_exposure", own_gross, most["symbol"]),
        _Line("gross", "deny.gross_exposure", gross_others + own_gross, most["gross"]),
        _Line("leverage", "deny.leverage", gross_others + own_gross, most["leverage"]),
        _Line("net", "deny.net_exposure", net_used, most[net_limit]),
    ]
    if sector:
        lines.append(_Line("sector", "deny.sector_exposure", sector_others + own_gross, most["sector"]))
    # Both ways, so that half of what is traded is compared.
    turnover = 2 * _share(limits.turnover_day_pct, account.day_start_equity)
    lines.append(_Line("turnover", "deny.turnover", account.traded_today, turnover))
    cap = share_cap(policy, _active(account, symbol))
    if cap < 1:
        total = sum(state.traded_7d for state in account.symbols.values())
        floor = _share(limits.notional_share_floor_pct, equity)
        # own + x <= cap · max(total + x, floor), solved for x.
        left = max(cap * floor - own.traded_7d, (cap * total - own.traded_7d) / (1 - cap))
        lines.append(_Line("notional_share", "deny.notional_share", own.traded_7d, own.traded_7d + left))
    return lines


def room(
    policy: Policy,
    account: AccountState,
    symbol: str,
    side: int,
    *,
    sector: str = "",
    exposure_scale: Number = 1,
) -> dict[str, int]:
    """Notional that each limit leaves for an order in ``symbol``, whole money quanta, at least 0.

    This is what sizing takes as q_lev and q_exp.

    Args:
        exposure_scale: share of position, symbol, sector, gross, leverage and net limits that breakers leave.
    """
    lines = _lines(policy, account, symbol, side, sector, exposure_scale)
    return {line.name: max(0, int((line.limit - line.used) // 1)) for line in lines}


def breaches(
    policy: Policy, account: AccountState, entry: Entry, *, exposure_scale: Number = 1
) -> tuple[Breach, ...]:
    """Every limit that the entry would pass, flags first; none for an order that only reduces.

    Raises:
        DataError: a side that is none, or a negative notional or loss.
    """
    if entry.notional < 0 or entry.stop_loss < 0:
        raise DataError(f"notional {entry.notional} and stop loss {entry.stop_loss} cannot be negative")
    lines = _lines(policy, account, entry.symbol, entry.side, entry.sector, exposure_scale)
    held = entry.side * _symbol(account, entry.symbol).position
    if held < 0 and entry.notional <= -held:
        return ()
    found = []
    if held > 0 and not entry.scale_in:
        found.append(Breach("deny.scale_in", None, None))
    if held < 0 and not entry.flip:
        found.append(Breach("deny.flip", None, None))
    for line in lines:
        value = Fraction(line.used) + entry.notional
        if value > line.limit:
            found.append(Breach(line.reason, value, line.limit))
    risk = Fraction(account.open_risk + entry.stop_loss)
    if risk > account.remaining_daily_loss:
        found.append(Breach("deny.open_risk", risk, Fraction(account.remaining_daily_loss)))
    return tuple(found)
