"""What the breakers leave the desk: may it open, how large, on which route, and what must be closed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from aurora.risk.policy import Policy

CONDITIONS: dict[str, str] = {
    "stale_book": "deny.stale_book",
    "calibration": "deny.calibration_lost",
    "latency": "deny.latency",
    "reconciliation": "deny.reconciliation",
}
"""Conditions that block entries, each with its reason code."""

BLOCKING: dict[str, str] = {
    "kill_switch": "deny.kill_switch",
    "day_loss": "deny.day_loss",
    "volatility_index": "deny.volatility_halt",
    "reconciliation": CONDITIONS["reconciliation"],
    "stale_book": CONDITIONS["stale_book"],
    "calibration": CONDITIONS["calibration"],
    "latency": CONDITIONS["latency"],
    "symbol_day_stop": "deny.symbol_day_stop",
}
"""Breakers that allow no entry; where several hold, the first of them is the reason."""
MAKER_ONLY: dict[str, str] = {"safe_mode": "deny.safe_mode", "volatility": "deny.defence"}
"""Breakers under which an entry may not take."""


@dataclass(frozen=True, slots=True)
class Posture:
    """What may be done at one moment. Reducing and closing is always allowed."""

    blocked: str | None
    """Reason code for any entry; None where entries are allowed."""
    blocked_symbols: Mapping[str, str]
    """Reason code by symbol."""
    taking: str | None
    """Reason code for an entry that takes; None where it may."""
    size_scale: Fraction
    """Multiplier of every entry's size."""
    exposure_scale: Fraction
    """Share of the exposure limits that holds; what is beyond it has to be reduced."""
    flatten: bool
    """Positions have to be closed and entries cancelled (:func:`aurora.risk.flatten.flatten_steps`)."""
    safe_mode: bool
    """The conservative limits hold (:meth:`aurora.risk.policy.Policy.safe`)."""
    alerts: tuple[str, ...]
    """Every breaker that holds, ``breaker`` or ``breaker/symbol``."""

    def refusal(self, symbol: str, *, takes: bool) -> str | None:
        """The reason code for an entry in ``symbol``, None where it may go on to sizing."""
        return self.blocked or self.blocked_symbols.get(symbol) or (self.taking if takes else None)


def posture_of(policy: Policy, holding: Iterable[tuple[str, str | None]]) -> Posture:
    """The posture while these breakers hold: the strictest of all they ask for; size multipliers multiply."""
    held = list(holding)
    account = {name for name, symbol in held if symbol is None}
    rules = policy.breakers
    symbols: dict[str, str] = {}
    for name, reason in BLOCKING.items():
        for symbol in sorted(
            symbol for held_name, symbol in held if held_name == name and symbol is not None
        ):
            symbols.setdefault(symbol, reason)
    size = Fraction(1)
    if "loss_streak" in account:
        size *= Fraction(rules.loss_streak_scale)
    if "volatility" in account:
        size *= Fraction(rules.defence_scale)
    exposure = Fraction(1)
    if "drawdown_halve" in account:
        exposure = min(exposure, Fraction(1, 2))
    if "volatility_index" in account:
        exposure = min(exposure, Fraction(rules.halt_exposure_scale))
    flatten = bool(account & {"kill_switch", "day_loss"})
    return Posture(
        blocked=next((reason for name, reason in BLOCKING.items() if name in account), None),
        blocked_symbols=symbols,
        taking=next((reason for name, reason in MAKER_ONLY.items() if name in account), None),
        size_scale=size,
        exposure_scale=Fraction(0) if flatten else exposure,
        flatten=flatten,
        safe_mode="safe_mode" in account,
        alerts=tuple(name if symbol is None else f"{name}/{symbol}" for name, symbol in held),
    )
