"""Which horizon to trade, and whether to trade at all: regime and volatility index decide."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from aurora.errors import DataError
from aurora.regime.classifier import Regime
from aurora.regime.settings import ModeSettings, VolatilityIndexSettings


class Mode(StrEnum):
    INTRADAY = "intraday"
    """High volatility: nothing is held for long."""
    POSITION = "position"
    """Calm and trending: positions may run."""
    HYBRID = "hybrid"


@dataclass(frozen=True, slots=True)
class ModeReading:
    mode: Mode
    halted: bool
    """The index is above its halt level: no entries."""
    exposure: float
    """Share of the present exposure that may be kept, in [0, 1]: below 1 while halted."""

    @property
    def entries_allowed(self) -> bool:
        return not self.halted


class ModeSwitch:
    """Index above the high level: intraday; below the low level in a trend: position; else hybrid. Above the halt level
    no entries and a reduced exposure.

    Levels are strict. A mode, or the halt, is left only when its level is missed by ``band``. Without an index the mode
    is hybrid, and a halt stays: not knowing is no reason to enter.
    """

    def __init__(self, settings: ModeSettings, levels: VolatilityIndexSettings):
        self.settings = settings
        self.levels = levels
        self._mode = Mode.HYBRID
        self._halted = False

    def update(self, index: float | None, regime: Regime) -> ModeReading:
        """The mode for an instrument in ``regime`` while the universe's volatility index is ``index``.

        Raises:
            DataError: the index is NaN.
        """
        if index is not None and index != index:
            raise DataError("the volatility index is NaN; give None where it is undefined")
        if index is None:
            self._mode = Mode.HYBRID
        else:
            self._mode = self._mode_of(index, regime)
            slack = self.settings.band if self._halted else 0.0
            self._halted = index > self.levels.halt_level - slack
        return ModeReading(self._mode, self._halted, self.settings.halted_exposure if self._halted else 1.0)

    def _mode_of(self, index: float, regime: Regime) -> Mode:
        band = self.settings.band
        if index > self.levels.high_level - (band if self._mode is Mode.INTRADAY else 0.0):
            return Mode.INTRADAY
        calm = index < self.levels.low_level + (band if self._mode is Mode.POSITION else 0.0)
        return Mode.POSITION if calm and regime is Regime.TREND else Mode.HYBRID

    def state(self) -> dict[str, Any]:
        return {"mode": self._mode.value, "halted": self._halted}

    def load(self, state: dict[str, Any]) -> None:
        self._mode = Mode(state["mode"])
        self._halted = state["halted"]
