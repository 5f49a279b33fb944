"""What has to be closed when breakers leave less of the exposure limits than is held."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from aurora.risk.exact import Number
from aurora.risk.limits import AccountState, SymbolState, exposure_limits
from aurora.risk.policy import Policy


@dataclass(frozen=True, slots=True)
class Reduction:
    """A symbol to close, and the limit that would be passed if it stayed while the others are closed."""

    symbol: str
    limit: str
    """``position``, ``symbol``, ``sector``, ``gross``, ``leverage``, ``net_long`` or ``net_short``."""
    used: int
    """What that limit would count then, money quanta."""
    allowed: Fraction


def reductions(policy: Policy, account: AccountState, exposure_scale: Number) -> tuple[Reduction, ...]:
    """What to close so that positions and working entries are within this share of the exposure limits.

    Whole symbols are closed, a stop and its targets with their position: of those that a limit counts the largest, and
    by name among equals, until all is within the limits. What the others then made unnecessary stays, so that every
    closure is needed; that they are the fewest is not said.

    Args:
        exposure_scale: share of the limits that holds, in [0, 1].
    """
    limits = exposure_limits(policy, account.equity, exposure_scale)
    left = {name: state for name, state in account.symbols.items() if state.position or state.working}
    closed: dict[str, SymbolState] = {}
    while (worst := _beyond(limits, left)) is not None:
        closed[worst.symbol] = left.pop(worst.symbol)
    # What stays makes room on the other side of the net limit, so what was needed before may stay as well.
    needed: dict[str, Reduction] = {}
    while len(needed) < len(closed):
        needed.clear()
        for symbol, state in list(closed.items()):
            kept = {**left, symbol: state}
            worst = _beyond(limits, kept)
            if worst is None:
                left = kept
                del closed[symbol]
                needed.clear()
            else:
                needed[symbol] = Reduction(symbol, worst.limit, worst.used, worst.allowed)
    return tuple(needed.values())


def _beyond(limits: Mapping[str, Fraction], left: Mapping[str, SymbolState]) -> Reduction | None:
    """The first limit that what is left passes, and the symbol that has most of it."""
    size = {name: abs(state.position) + state.working for name, state in left.items()}
    longs = {name: max(state.position, 0) + state.working_buys for name, state in left.items()}
    shorts = {name: max(-state.position, 0) + state.working_sells for name, state in left.items()}
    position = sum(state.position for state in left.values())
    groups = [(limit, {name: size[name]}) for limit in ("position", "symbol") for name in sorted(left)]
    for sector in sorted({state.sector for state in left.values()} - {""}):
        groups.append(("sector", {name: size[name] for name in left if left[name].sector == sector}))
    groups += [("gross", size), ("leverage", size)]
    counted = [(limit, sum(members.values()), members) for limit, members in groups]
    counted.append(("net_long", position + sum(s.working_buys for s in left.values()), longs))
    counted.append(("net_short", sum(s.working_sells for s in left.values()) - position, shorts))
    for limit, used, members in counted:
        if used > limits[limit]:
            largest = min(members, key=lambda name: (-members[name], name))
            return Reduction(largest, limit, used, limits[limit])
    return None
