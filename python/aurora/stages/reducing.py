"""Reduces exposure when breakers leave less of its limits than before."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from aurora.risk import AccountState, Policy, Posture, reductions

KEPT = 1_000
MONEY = 10**8


class Reducing:
    """What is held is looked at when the share of the limits falls: drawdown, volatility index above its halt level.

    From then on entries keep to that share; a price that moves a position beyond it is no reason to trade, as it is
    none under whole limits. A flat day closes everything by the kill switch of the core and is not seen here.
    """

    def __init__(self, policy: Policy):
        self._policy = policy
        self._scale = Fraction(1)
        self.log: deque[dict[str, Any]] = deque(maxlen=KEPT)
        """The latest reductions: when, which instrument, by which limit, and what was used and allowed."""

    def falls(self, posture: Posture) -> bool:
        """Whether less of the limits is left than when the account was last looked at."""
        return posture.exposure_scale < self._scale and not posture.flatten

    def due(self, now_ns: int, posture: Posture, account: Callable[[], AccountState | None]) -> list[str]:
        """The instruments to close now.

        Args:
            account: None while something held has no mark; the fall is answered when all have one.
        """
        scale = posture.exposure_scale
        if not self.falls(posture):
            self._scale = scale
            return []
        state = account()
        if state is None:
            return []
        self._scale = scale
        found = reductions(self._policy, state, scale)
        for one in found:
            self.log.append(
                {
                    "local_ns": now_ns,
                    "symbol": one.symbol,
                    "limit": one.limit,
                    "used": one.used / MONEY,
                    "allowed": float(one.allowed) / MONEY,
                }
            )
        return [one.symbol for one in found]

    def state(self) -> dict[str, Any]:
        """Plain JSON."""
        return {"scale": str(self._scale), "log": list(self.log)}

    def load(self, state: Mapping[str, Any]) -> None:
        self._scale = Fraction(state["scale"])
        self.log = deque(state["log"], maxlen=KEPT)
