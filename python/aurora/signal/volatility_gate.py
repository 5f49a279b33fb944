"""No entries while the range is far above its usual."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

from aurora.errors import DataError
from aurora.signal.checks import finite, positive
from aurora.signal.settings import VolatilityGateSettings
from aurora.signal.state import fields_of, from_hex, to_hex, versioned

KIND, VERSION = "volatility_gate", 1


@dataclass(frozen=True, slots=True)
class VolatilityReading:
    """Average true range over price against its own median."""

    atr_pct: float
    median_pct: float | None
    """Over the lookback, this reading included; None while warming up."""
    verdict: Literal["open", "skip", "warming_up"]


class VolatilityGate:
    """Skip when ATR / price exceeds ``multiple`` times its median over the latest ``lookback`` bars."""

    def __init__(self, settings: VolatilityGateSettings) -> None:
        self.settings = settings
        self._readings: list[float] = []
        self.last: VolatilityReading | None = None

    def learn(self, average_true_range: float, price: float) -> VolatilityReading:
        """Takes a finished bar's average true range and close.

        Raises:
            DataError: the range is below 0, the price not above 0, or one is not finite.
        """
        reach = finite("average_true_range", average_true_range)
        if reach < 0:
            raise DataError(f"average_true_range is {reach}; it must not be below 0")
        reading = 100.0 * reach / positive("price", price)
        self._readings.append(reading)
        del self._readings[: -self.settings.lookback]
        if len(self._readings) < self.settings.lookback:
            self.last = VolatilityReading(reading, None, "warming_up")
        else:
            usual = median(self._readings)
            wild = reading > self.settings.multiple * usual
            self.last = VolatilityReading(reading, usual, "skip" if wild else "open")
        return self.last

    def state(self) -> dict[str, Any]:
        last = self.last
        return versioned(
            KIND,
            VERSION,
            readings=to_hex(self._readings),
            last=None
            if last is None
            else [
                last.atr_pct.hex(),
                None if last.median_pct is None else last.median_pct.hex(),
                last.verdict,
            ],
        )

    def load(self, state: Any) -> None:
        """Takes up a state.

        Raises:
            RecoveryError: another kind or version.
        """
        readings, last = fields_of(state, KIND, VERSION, "readings", "last")
        self._readings = from_hex(readings)
        self.last = None
        if last is not None:
            atr, usual, verdict = last
            usual_pct = None if usual is None else float.fromhex(usual)
            self.last = VolatilityReading(float.fromhex(atr), usual_pct, verdict)
