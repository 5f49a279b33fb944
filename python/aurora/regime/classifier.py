"""Which of five regimes is the market in? Rules in order, with hysteresis and dwell; time is an argument."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from aurora.errors import DataError
from aurora.regime.market_state import MINUTE_NS, MarketState
from aurora.regime.settings import ClassifierSettings, ScalerSettings


class Regime(StrEnum):
    """In the order in which they are tried; NEUTRAL is what none of the others is."""

    ILLIQUID = "illiquid"
    PANIC = "panic"
    TREND = "trend"
    RANGE = "range"
    NEUTRAL = "neutral"


PROTECTIVE = frozenset({Regime.ILLIQUID, Regime.PANIC})
"""Regimes that are entered without delay."""


def regime_scaler(regime: Regime, settings: ScalerSettings) -> float:
    """Multiplier of size, lambda_reg in [0, 1]."""
    scaler: float = getattr(settings, regime.value)
    return scaler


def _above(value: float | None, threshold: float) -> bool:
    return value is not None and value > threshold


def _below(value: float | None, threshold: float) -> bool:
    return value is not None and value < threshold


def is_regime(regime: Regime, state: MarketState, settings: ClassifierSettings, slack: float) -> bool:
    """Whether the conditions of a regime hold, every threshold relaxed by the share ``slack``.

    A condition on an undefined measure does not hold.
    """
    more, less = 1 + slack, 1 - slack
    match regime:
        case Regime.ILLIQUID:
            return _below(state.volume_ratio, settings.illiquid_volume_ratio * more) or _above(
                state.spread_bps, settings.illiquid_spread_bps * less
            )
        case Regime.PANIC:
            return (
                _above(state.volatility, settings.panic_volatility * less)
                and _below(state.change, 0.0)
                and _above(state.volume_ratio, settings.panic_volume_ratio * less)
            )
        case Regime.TREND:
            return _above(state.directional_index, settings.trend_directional_index * less)
        case Regime.RANGE:
            low, high = settings.range_volatility_low * less, settings.range_volatility_high * more
            return (
                _below(state.directional_index, settings.range_directional_index * more)
                and state.volatility is not None
                and low <= state.volatility <= high
            )
        case Regime.NEUTRAL:
            return True


def classify(state: MarketState, settings: ClassifierSettings, held: Regime | None = None) -> Regime:
    """The first regime whose conditions hold; those of the regime ``held`` are relaxed by the hysteresis."""
    for regime in Regime:
        if is_regime(regime, state, settings, settings.hysteresis if regime is held else 0.0):
            return regime
    return Regime.NEUTRAL


@dataclass(frozen=True, slots=True)
class RegimeReading:
    """The regime at one time."""

    now_ns: int
    regime: Regime
    since_ns: int
    """When it began."""
    candidate: Regime
    """What the measures of this moment say, hysteresis included."""
    missing: tuple[str, ...]
    """Measures that were undefined."""


class RegimeClassifier:
    """Holds the regime of one instrument.

    Another regime follows once it has been the candidate at every reading for ``confirmation_minutes`` and the present
    one has lasted ``dwell_minutes``; illiquid and panic need ``protective_minutes`` alone. The first reading decides
    at once.
    """

    def __init__(self, settings: ClassifierSettings):
        self.settings = settings
        self._now_ns: int | None = None
        self._regime = Regime.NEUTRAL
        self._since_ns = 0
        self._candidate = Regime.NEUTRAL
        self._candidate_since_ns = 0

    def update(self, now_ns: int, state: MarketState) -> RegimeReading:
        """The regime at ``now_ns``.

        Raises:
            DataError: ``now_ns`` lies before the last reading.
        """
        if self._now_ns is None:
            self._regime = self._candidate = classify(state, self.settings)
            self._since_ns = self._candidate_since_ns = now_ns
        elif now_ns < self._now_ns:
            raise DataError(f"regime asked for at {now_ns}, after {self._now_ns}: time cannot run back")
        else:
            self._step(now_ns, classify(state, self.settings, self._regime))
        self._now_ns = now_ns
        return RegimeReading(now_ns, self._regime, self._since_ns, self._candidate, state.missing)

    def _step(self, now_ns: int, candidate: Regime) -> None:
        if candidate is not self._candidate:
            self._candidate, self._candidate_since_ns = candidate, now_ns
        if candidate is self._regime:
            return
        confirmed_ns = now_ns - self._candidate_since_ns
        if candidate in PROTECTIVE:
            follows = confirmed_ns >= self.settings.protective_minutes * MINUTE_NS
        else:
            follows = (
                confirmed_ns >= self.settings.confirmation_minutes * MINUTE_NS
                and now_ns - self._since_ns >= self.settings.dwell_minutes * MINUTE_NS
            )
        if follows:
            self._regime, self._since_ns = candidate, now_ns

    def state(self) -> dict[str, Any]:
        return {
            "now_ns": self._now_ns,
            "regime": self._regime.value,
            "since_ns": self._since_ns,
            "candidate": self._candidate.value,
            "candidate_since_ns": self._candidate_since_ns,
        }

    def load(self, state: dict[str, Any]) -> None:
        self._now_ns = state["now_ns"]
        self._regime = Regime(state["regime"])
        self._since_ns = state["since_ns"]
        self._candidate = Regime(state["candidate"])
        self._candidate_since_ns = state["candidate_since_ns"]
