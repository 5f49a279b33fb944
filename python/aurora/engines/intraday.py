"""Six intraday engines on true intraday bars: rows of `aurora.features.intraday`, one per complete bar.

Their series is ``intraday``. Without it they abstain (``no_intraday``), and bars longer than a quarter of an hour are
refused (``bars_not_intraday``): there is no falling back on daily ones. The volatility of a bar is its average true
range over √(8/π), the mean range of a random walk in units of its deviation (Feller 1951).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, TypeVar

import numpy as np
from pydantic import Field

from aurora.engines.arithmetic import count, standardised
from aurora.engines.history import Mask, Matrix
from aurora.engines.panel import Panel
from aurora.engines.series_engine import BPS, MINUTE_NS, Need, Opinion, SeriesEngine, SeriesSettings

SERIES = "intraday"
RANGE_PER_DEVIATION = 1.5957691216057308
LONGEST_BAR_NS = 15 * MINUTE_NS

Minutes = Literal[15, 30, 60]


class IntradaySettings(SeriesSettings):
    max_age_minutes: float = Field(
        30.0, gt=0, description="A bar that ended longer ago is no ground to act upon"
    )


SettingsType = TypeVar("SettingsType", bound=IntradaySettings)


class IntradayEngine(SeriesEngine[SettingsType]):
    """What the six share: their series, and the volatility that returns are measured by."""

    clock = SERIES
    rows: int = 1

    def columns(self) -> tuple[str, ...]:
        """Columns of the series beside those of the volatility."""
        raise NotImplementedError

    def needs(self) -> Mapping[str, Need]:
        names = dict.fromkeys(("close", "average_true_range", *self.columns()))
        return {SERIES: Need(tuple(names), self.rows, round(self.settings.max_age_minutes * MINUTE_NS))}

    def bar_ns(self, panel: Panel) -> Matrix:
        return (panel.end_ns(SERIES) - panel.start_ns(SERIES)).astype(np.float64)

    def volatility(self, panel: Panel, minutes: float) -> Matrix:
        """Standard deviation of the return over so many minutes, as a fraction."""
        a_bar = panel.column(SERIES, "average_true_range") / panel.column(SERIES, "close")
        return a_bar / RANGE_PER_DEVIATION * np.sqrt(minutes * MINUTE_NS / self.bar_ns(panel))

    def opinion(self, panel: Panel, signal: Matrix, abstain: Sequence[tuple[str, Mask]]) -> Opinion:
        horizon = self.volatility(panel, self.settings.horizon_minutes)
        length = self.bar_ns(panel)
        always = (
            ("bars_not_intraday", (length <= 0) | (length > LONGEST_BAR_NS)),
            ("volatility_undefined", ~(horizon > 0)),
        )
        return Opinion(signal, horizon * BPS, abstain=(*always, *abstain))


class IntradayMomentumSettings(IntradaySettings):
    minutes: Minutes = Field(60, description="Span of the return that is followed")


class IntradayMomentum(IntradayEngine[IntradayMomentumSettings]):
    """Follows the return of the last hour when it is large for its volatility and the last quarter has not turned.

    Signal: return over its volatility. Time-series momentum (Moskowitz, Ooi, Pedersen 2012) within the day, as found
    by Gao, Han, Li and Zhou (2018), *Market intraday momentum*.
    """

    name: ClassVar[str] = "intraday_momentum"
    Settings = IntradayMomentumSettings
    reason = "the last return is large for its volatility and goes on"

    def columns(self) -> tuple[str, ...]:
        return "return_15m", f"return_{self.settings.minutes}m"

    def judge(self, panel: Panel) -> Opinion:
        minutes = self.settings.minutes
        change = panel.column(SERIES, f"return_{minutes}m")
        latest = panel.column(SERIES, "return_15m")
        abstain = (
            ("return_undefined", np.isnan(change) | np.isnan(latest)),
            ("not_confirmed", np.sign(latest) != np.sign(change)),
        )
        return self.opinion(panel, change / self.volatility(panel, minutes), abstain)


class VwapReversionSettings(IntradaySettings):
    entry: float = Field(2.0, ge=0, description="Deviations of a smaller magnitude are no vote")
    scale_minutes: float = Field(
        60.0, gt=0, description="Deviations are measured by the volatility of this span"
    )


class VwapReversion(IntradayEngine[VwapReversionSettings]):
    """Expects the price to return to the session's volume-weighted average.

    Signal: minus the deviation over its volatility. The average price of the day is what execution is measured by and
    traded towards (Berkowitz, Logue, Noser 1988, *The total cost of transactions on the NYSE*).
    """

    name: ClassVar[str] = "vwap_reversion"
    Settings = VwapReversionSettings
    reason = "the price is far from the session's volume-weighted average"

    def columns(self) -> tuple[str, ...]:
        return ("session_vwap_deviation",)

    def judge(self, panel: Panel) -> Opinion:
        deviation = panel.column(SERIES, "session_vwap_deviation")
        signal = -deviation / self.volatility(panel, self.settings.scale_minutes)
        return self.opinion(panel, signal, (("vwap_undefined", np.isnan(deviation)),))


class VolumeSpikeSettings(IntradaySettings):
    entry: float = Field(0.5, ge=0, description="Returns of a smaller magnitude are no vote")
    spike: float = Field(3.0, ge=1, description="Volume over its own average from which on it is a spike")


class VolumeSpike(IntradayEngine[VolumeSpikeSettings]):
    """Follows the last quarter's return when its last bar had a multiple of its usual volume.

    Signal: return over its volatility. Returns on heavy volume continue where trading is informed (Llorente, Michaely,
    Saar, Wang 2002, *Dynamic volume-return relation of individual stocks*).
    """

    name: ClassVar[str] = "volume_spike"
    Settings = VolumeSpikeSettings
    reason = "the price moved on a multiple of its usual volume"

    def columns(self) -> tuple[str, ...]:
        return "return_15m", "volume_ratio"

    def judge(self, panel: Panel) -> Opinion:
        change, ratio = panel.column(SERIES, "return_15m"), panel.column(SERIES, "volume_ratio")
        abstain = (
            ("return_undefined", np.isnan(change)),
            ("volume_undefined", np.isnan(ratio)),
            ("no_volume_spike", ratio < self.settings.spike),
        )
        return self.opinion(panel, change / self.volatility(panel, 15), abstain)


class RelativeStrengthSettings(IntradaySettings):
    minutes: Minutes = Field(60, description="Span of the return that is compared")
    min_members: int = Field(3, ge=2, description="Instruments with a bar of the same time")


class RelativeStrength(IntradayEngine[RelativeStrengthSettings]):
    """Follows what moved more, and against what moved less, than the universe.

    Signal: return less the universe's mean, over the standard deviation across it, from bars that end at one time
    (relative strength of Levy 1967; deviations from the mean as in Lo and MacKinlay 1990).
    """

    name: ClassVar[str] = "relative_strength"
    Settings = RelativeStrengthSettings
    reason = "the return stands out from the universe's"

    def columns(self) -> tuple[str, ...]:
        return (f"return_{self.settings.minutes}m",)

    def judge(self, panel: Panel) -> Opinion:
        change = panel.column(SERIES, f"return_{self.settings.minutes}m")
        newest = panel.newest(SERIES)
        members = newest & ~np.isnan(change)
        signal, spread = standardised(change, members)
        abstain = (
            ("return_undefined", np.isnan(change)),
            ("not_of_the_newest_bar", ~newest),
            ("too_few_members", count(members) < self.settings.min_members),
            ("no_dispersion", ~spread),
        )
        return self.opinion(panel, signal, abstain)


class OpeningRangeBreakoutSettings(IntradaySettings):
    buffer: float = Field(0.0, ge=0, description="Ranges that the close must lie beyond the range")


class OpeningRangeBreakout(IntradayEngine[OpeningRangeBreakoutSettings]):
    """Follows the first close beyond the session's opening range, at the bar that leaves it.

    Signal: 1 plus the distance beyond, in ranges (Crabel 1990, *Day trading with short term price patterns and opening
    range breakout*; Holmberg, Lönnbark, Lundström 2013).
    """

    name: ClassVar[str] = "opening_range_breakout"
    Settings = OpeningRangeBreakoutSettings
    reason = "the close left the session's opening range"
    rows = 2

    def columns(self) -> tuple[str, ...]:
        return ("opening_range_position",)

    def judge(self, panel: Panel) -> Opinion:
        name, buffer = "opening_range_position", self.settings.buffer
        now, before = panel.column(SERIES, name), panel.column(SERIES, name, 1)
        above, below = now > 1 + buffer, now < -buffer
        signal = np.where(above, now, np.where(below, now - 1, 0.0))
        abstain = (
            ("opening_range_undefined", np.isnan(now)),
            ("inside_the_range", ~(above | below)),
            ("previous_bar_missing", np.isnan(before) | ~panel.unbroken(SERIES, 2)),
            ("outside_before", (above & (before > 1 + buffer)) | (below & (before < -buffer))),
        )
        return self.opinion(panel, signal, abstain)


class QuickReversionSettings(IntradaySettings):
    horizon_minutes: float = Field(15.0, gt=0, le=525_600, description="How far ahead a vote looks")
    entry: float = Field(2.0, ge=0, description="Distances of a smaller magnitude are no vote")
    bars: int = Field(20, ge=2, le=1_000, description="Closes of the mean and its deviation")


class QuickReversion(IntradayEngine[QuickReversionSettings]):
    """Expects a close outside its Bollinger bands to return to their middle.

    Signal: minus the distance from the mean of the last closes, in their standard deviations (divisor n; Bollinger
    2001, *Bollinger on Bollinger Bands*: 20 bars, 2 deviations).
    """

    name: ClassVar[str] = "quick_reversion"
    Settings = QuickReversionSettings
    reason = "the close is outside its Bollinger bands"

    def columns(self) -> tuple[str, ...]:
        return ()

    def needs(self) -> Mapping[str, Need]:
        self.rows = self.settings.bars
        return super().needs()

    def judge(self, panel: Panel) -> Opinion:
        n = self.settings.bars
        close = panel.column(SERIES, "close")
        mean, deviation = panel.mean(SERIES, "close", n), panel.deviation(SERIES, "close", n)
        abstain = (
            ("bars_too_few", ~panel.unbroken(SERIES, n) | np.isnan(mean)),
            ("no_dispersion", deviation == 0),
        )
        return self.opinion(panel, -(close - mean) / deviation, abstain)
