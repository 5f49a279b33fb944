"""The regime room: bars and spreads in, regime, mode, size multiplier and approvals out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from aurora.errors import UsageError
from aurora.regime.approval import ApprovalMatrix
from aurora.regime.classifier import RegimeClassifier, RegimeReading, regime_scaler
from aurora.regime.leaderboard import Leaderboard
from aurora.regime.market_state import MarketState, MarketStateTracker, RegimeBar
from aurora.regime.mode import ModeReading, ModeSwitch
from aurora.regime.settings import (
    ClassifierSettings,
    LeaderboardSettings,
    MarketStateSettings,
    ModeSettings,
    ScalerSettings,
    VolatilityIndexSettings,
)
from aurora.regime.volatility_index import VolatilityIndex


class RegimeSettings(BaseModel):
    """Everything the room can be told."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    measures: MarketStateSettings = Field(default_factory=MarketStateSettings)
    classifier: ClassifierSettings = Field(default_factory=ClassifierSettings)
    scaler: ScalerSettings = Field(default_factory=ScalerSettings)
    volatility_index: VolatilityIndexSettings = Field(default_factory=VolatilityIndexSettings)
    mode: ModeSettings = Field(default_factory=ModeSettings)
    approval: ApprovalMatrix = Field(default_factory=ApprovalMatrix)
    leaderboard: LeaderboardSettings = Field(default_factory=LeaderboardSettings)


@dataclass(frozen=True, slots=True)
class MarketReading:
    """What the room says about one instrument at one time."""

    instrument: str
    regime: RegimeReading
    state: MarketState
    volatility_index: float | None
    """Of the universe."""
    mode: ModeReading
    scaler: float
    """Size multiplier lambda_reg, in [0, 1]."""


class RegimeRoom:
    """Regimes of a universe; time comes with the bars and the questions."""

    def __init__(self, settings: RegimeSettings, instruments: Sequence[str]):
        self.settings = settings
        self.instruments = tuple(sorted(instruments))
        self.leaderboard = Leaderboard(settings.approval, settings.leaderboard)
        self._trackers = {name: MarketStateTracker(settings.measures) for name in self.instruments}
        self._classifiers = {name: RegimeClassifier(settings.classifier) for name in self.instruments}
        self._modes = {
            name: ModeSwitch(settings.mode, settings.volatility_index) for name in self.instruments
        }
        self._index = VolatilityIndex(settings.volatility_index)

    def bar(self, instrument: str, bar: RegimeBar) -> None:
        """Takes the next complete bar of an instrument.

        Raises:
            UsageError: the instrument is none of the universe.
            DataError: see :meth:`MarketStateTracker.bar`.
        """
        tracker = self._trackers.get(instrument)
        if tracker is None:
            raise UsageError(f"{instrument} is not one of {', '.join(self.instruments)}")
        tracker.bar(bar)

    def read(self, now_ns: int, spread_bps: Mapping[str, float | None]) -> list[MarketReading]:
        """Every instrument at ``now_ns``, from the bars that ended by then and the spreads of that time.

        Raises:
            DataError: a bar ends after ``now_ns``, time runs back, or a spread is not finite.
        """
        states = {
            name: self._trackers[name].measured(now_ns, spread_bps.get(name)) for name in self.instruments
        }
        index = self._index.update(now_ns, {name: state.volatility for name, state in states.items()})
        self.leaderboard.advance(now_ns)
        readings = []
        for name, state in states.items():
            regime = self._classifiers[name].update(now_ns, state)
            mode = self._modes[name].update(index, regime.regime)
            scaler = regime_scaler(regime.regime, self.settings.scaler)
            readings.append(MarketReading(name, regime, state, index, mode, scaler))
        return readings

    def state(self) -> dict[str, Any]:
        return {
            "instruments": {
                name: [
                    self._trackers[name].state(),
                    self._classifiers[name].state(),
                    self._modes[name].state(),
                ]
                for name in self.instruments
            },
            "volatility_index": self._index.state(),
            "leaderboard": self.leaderboard.state(),
        }

    def load(self, state: dict[str, Any]) -> None:
        for name in self.instruments:
            tracker, classifier, mode = state["instruments"][name]
            self._trackers[name].load(tracker)
            self._classifiers[name].load(classifier)
            self._modes[name].load(mode)
        self._index.load(state["volatility_index"])
        self.leaderboard.load(state["leaderboard"])
