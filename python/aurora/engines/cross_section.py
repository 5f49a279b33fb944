"""Four long/short engines on daily bars: rows of `aurora.features.daily`, one per instrument and day.

Their series is ``daily``. Instruments are compared on days that end at one time; the others abstain. Where an engine
ranks, the highest fraction of the universe is long and the lowest short, and the signal is the rank, spread evenly over
-√3 to √3 (variance one): rank weights are those of Asness, Moskowitz and Pedersen (2013), *Value and momentum
everywhere*.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, TypeVar

import numpy as np
from pydantic import Field, model_validator

from aurora.engines.arithmetic import count, legs, rank_signal, ranks, squares_total, total
from aurora.engines.history import Mask, Matrix
from aurora.engines.panel import Panel
from aurora.engines.series_engine import BPS, DAY_NS, MINUTE_NS, Need, Opinion, SeriesEngine, SeriesSettings

SERIES = "daily"
DAYS_A_YEAR = 365.0
DAY_MINUTES = 1440.0

ReturnDays = Literal[1, 5, 21, 63, 126, 252]
VolatilityDays = Literal[21, 63]


class DailySettings(SeriesSettings):
    horizon_minutes: float = Field(DAY_MINUTES, gt=0, le=525_600, description="How far ahead a vote looks")
    entry: float = Field(0.0, ge=0, description="Signals of a smaller magnitude are no vote")
    volatility_days: VolatilityDays = Field(21, description="Span of the realised volatility of the edge")
    max_age_days: float = Field(1.5, gt=0, description="A day that ended longer ago is no ground to act upon")


class RankSettings(DailySettings):
    fraction: float = Field(0.3, gt=0, le=0.5, description="Share of the universe that is long, and short")
    min_members: int = Field(4, ge=2, description="Instruments with a day of the same date")


AnySettings = TypeVar("AnySettings", bound=DailySettings)
AnyRankSettings = TypeVar("AnyRankSettings", bound=RankSettings)


class DailyEngine(SeriesEngine[AnySettings]):
    """What engines on daily bars share."""

    clock = SERIES
    rows: int = 1

    def columns(self) -> tuple[str, ...]:
        """Columns of the series beside that of the volatility."""
        raise NotImplementedError

    def needs(self) -> Mapping[str, Need]:
        names = dict.fromkeys((f"volatility_{self.settings.volatility_days}d", *self.columns()))
        return {SERIES: Need(tuple(names), self.rows, round(self.settings.max_age_days * DAY_NS))}

    def volatility(self, panel: Panel, days: float) -> Matrix:
        """Standard deviation of the return over so many days, as a fraction."""
        annual = panel.column(SERIES, f"volatility_{self.settings.volatility_days}d")
        answer: Matrix = annual * np.sqrt(days / DAYS_A_YEAR)
        return answer

    def opinion(self, panel: Panel, signal: Matrix, abstain: Sequence[tuple[str, Mask]]) -> Opinion:
        horizon = self.volatility(panel, self.settings.horizon_minutes / DAY_MINUTES)
        length = panel.end_ns(SERIES) - panel.start_ns(SERIES)
        always = (("bars_not_daily", length != DAY_NS), ("volatility_undefined", ~(horizon > 0)))
        return Opinion(signal, horizon * BPS, abstain=(*always, *abstain))


class RankEngine(DailyEngine[AnyRankSettings]):
    """What the engines that rank the universe share."""

    def ranked(self, panel: Panel, values: Matrix, undefined: Sequence[tuple[str, Mask]]) -> Opinion:
        """The highest ``values`` are long, the lowest short; who is ``undefined`` is no member."""
        newest = panel.newest(SERIES)
        members = newest & ~np.isnan(values)
        for _, where in undefined:
            members = members & ~where
        settings, order = self.settings, ranks(values, members)
        abstain = (
            *undefined,
            ("not_of_the_newest_day", ~newest),
            ("too_few_members", count(members) < settings.min_members),
            ("middle_of_the_ranks", legs(order, members, settings.fraction) == 0),
        )
        return self.opinion(panel, rank_signal(order, members), abstain)


class CrossSectionalMomentumSettings(RankSettings):
    formation_days: ReturnDays = Field(252, description="Span of the return that is ranked")
    skip_days: Literal[0, 1, 5, 21] = Field(
        21, description="Latest days left out of it, which tend to revert"
    )

    @model_validator(mode="after")
    def _order(self) -> CrossSectionalMomentumSettings:
        if self.skip_days >= self.formation_days:
            raise ValueError("skip_days must be shorter than formation_days")
        return self


class CrossSectionalMomentum(RankEngine[CrossSectionalMomentumSettings]):
    """Winners of the last year, its last month left out, against losers.

    Ranks (1 + return over the formation) / (1 + return over the skipped days) - 1: Jegadeesh and Titman (1993),
    *Returns to buying winners and selling losers*, with the skipped month of Jegadeesh (1990). On coins, spans of one
    to four weeks carried most of it (Liu, Tsyvinski, Wu 2022): set ``formation_days: 21`` and ``skip_days: 0`` or 1.
    """

    name: ClassVar[str] = "cross_sectional_momentum"
    Settings = CrossSectionalMomentumSettings
    reason = "among the universe's winners or losers"

    def columns(self) -> tuple[str, ...]:
        settings = self.settings
        skipped = (f"return_{settings.skip_days}d",) if settings.skip_days else ()
        return (f"return_{settings.formation_days}d", *skipped)

    def judge(self, panel: Panel) -> Opinion:
        settings = self.settings
        value = panel.column(SERIES, f"return_{settings.formation_days}d")
        if settings.skip_days:
            value = (1 + value) / (1 + panel.column(SERIES, f"return_{settings.skip_days}d")) - 1
        value = np.where(np.isfinite(value), value, np.nan)
        return self.ranked(panel, value, (("return_undefined", np.isnan(value)),))


class TimeSeriesMomentumSettings(DailySettings):
    formation_days: ReturnDays = Field(252, description="Span of the return that is followed")


class TimeSeriesMomentum(DailyEngine[TimeSeriesMomentumSettings]):
    """Each instrument's own past return, long where it rose and short where it fell.

    Signal: return over the formation, in its volatility: Moskowitz, Ooi and Pedersen (2012), *Time series momentum*,
    whose positions are the sign of the twelve-month return scaled by the inverse of volatility.
    """

    name: ClassVar[str] = "time_series_momentum"
    Settings = TimeSeriesMomentumSettings
    reason = "its own past return, in its volatility"

    def columns(self) -> tuple[str, ...]:
        return (f"return_{self.settings.formation_days}d",)

    def judge(self, panel: Panel) -> Opinion:
        days = self.settings.formation_days
        change = panel.column(SERIES, f"return_{days}d")
        abstain = (("return_undefined", np.isnan(change)),)
        return self.opinion(panel, change / self.volatility(panel, days), abstain)


class CrossSectionalReversionSettings(RankSettings):
    formation_days: ReturnDays = Field(5, description="Span of the return that is expected to revert")


class CrossSectionalReversion(RankEngine[CrossSectionalReversionSettings]):
    """Losers of the last days against winners.

    Ranks minus the return over a week: Lehmann (1990), *Fads, martingales, and market efficiency*; Jegadeesh (1990).
    """

    name: ClassVar[str] = "cross_sectional_reversion"
    Settings = CrossSectionalReversionSettings
    reason = "fell or rose more than the universe in the last days"

    def columns(self) -> tuple[str, ...]:
        return (f"return_{self.settings.formation_days}d",)

    def judge(self, panel: Panel) -> Opinion:
        value = -panel.column(SERIES, f"return_{self.settings.formation_days}d")
        return self.ranked(panel, value, (("return_undefined", np.isnan(value)),))


class QualitySettings(RankSettings):
    liquidity_days: int = Field(21, ge=1, le=365, description="Days of the mean traded value")
    funding_rows: int = Field(63, ge=2, le=5_000, description="Funding rates of the deviation: 21 days by 3")
    funding_max_age_minutes: float = Field(720.0, gt=0, description="A rate that is older has expired")


class Quality(RankEngine[QualitySettings]):
    """Liquid, old instruments of steady funding against the opposite.

    Ranks the mean of three ranks: traded value (close × volume, mean of 21 days), minus the standard deviation of the
    hourly funding rate (divisor n - 1), and age since listing. Averaging standardised ranks is the construction of
    Asness, Frazzini and Pedersen (2019), *Quality minus junk*.

    Series beside ``daily``: ``funding`` (``rate``, a fraction per interval; ``interval_hours``) and ``listing``
    (``listed_day``, days since 1970-01-01).
    """

    name: ClassVar[str] = "quality"
    Settings = QualitySettings
    reason = "liquidity, steadiness of funding and age"

    def columns(self) -> tuple[str, ...]:
        return "close", "volume"

    def needs(self) -> Mapping[str, Need]:
        settings = self.settings
        self.rows = settings.liquidity_days
        funding_age = round(settings.funding_max_age_minutes * MINUTE_NS)
        return {
            **super().needs(),
            "funding": Need(("rate", "interval_hours"), settings.funding_rows, funding_age),
            "listing": Need(("listed_day",), 1, 200 * 365 * DAY_NS),
        }

    def judge(self, panel: Panel) -> Opinion:
        settings = self.settings
        days, rows = settings.liquidity_days, settings.funding_rows
        bars = panel.stretch(SERIES, days)
        traded = bars.windows(bars.column("close") * bars.column("volume"))
        liquidity = bars.at(total(traded) / days)
        funding = panel.stretch("funding", rows)
        rates = funding.column("rate") / funding.column("interval_hours")
        windows = funding.windows(rates)
        deviation = np.sqrt(squares_total(windows, total(windows) / rows) / (rows - 1))
        # Alike rates have no deviation, whatever rounding says.
        unsteadiness = funding.at(np.where(funding.constant(rates), 0.0, deviation))
        age = panel.end_ns(SERIES) // DAY_NS - panel.column("listing", "listed_day")
        undefined = (
            ("days_too_few", ~panel.unbroken(SERIES, days) | np.isnan(liquidity)),
            ("funding_too_short", ~np.isfinite(unsteadiness)),
            ("age_undefined", ~(age >= 0)),
            ("funding_expired", ~panel.fresh("funding")),
            ("volatility_undefined", ~(self.volatility(panel, 1) > 0)),
        )
        members = panel.newest(SERIES)
        for _, where in undefined:
            members = members & ~where
        parts = np.stack([rank_signal(ranks(v, members), members) for v in (liquidity, -unsteadiness, age)])
        return self.ranked(panel, total(parts), undefined)
