"""What the regime room is set to."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from aurora._core import BayesianChangePoint, Cusum, LikelihoodRatio, PageHinkley

_CONFIG = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
_LARGEST = 1e60


class PageHinkleySettings(BaseModel):
    """Page-Hinkley; ``delta`` and ``threshold`` in standard deviations of a standardised input."""

    model_config = _CONFIG

    delta: float = Field(0.1, ge=0, le=_LARGEST, description="Drift of the mean tolerated per observation")
    threshold: float = Field(20.0, ge=1e-60, le=_LARGEST, description="Alarms above this")
    fading: float = Field(0.9999, gt=0, le=1, description="What a sum keeps per observation")
    minimum_observations: int = Field(30, ge=1, le=2**63)
    direction: Literal["up", "down", "both"] = "both"

    def detector(self) -> PageHinkley:
        return PageHinkley(**self.model_dump())


class CusumSettings(BaseModel):
    """Two-sided CUSUM of a standardised input; 0.5 and 4.774 have a false alarm in 370 observations."""

    model_config = _CONFIG

    allowance: float = Field(0.5, ge=0, le=_LARGEST, description="Half the shift to be found soonest")
    threshold: float = Field(
        4.774,
        ge=1e-60,
        le=_LARGEST,
        description="Alarms above this; see cusum_threshold for a wanted run length",
    )

    def detector(self) -> Cusum:
        return Cusum(**self.model_dump())


class LikelihoodRatioSettings(BaseModel):
    """Generalised likelihood ratio of a change of mean or of variance within a window."""

    model_config = _CONFIG

    of: Literal["mean", "variance"] = "mean"
    mean: float = Field(0.0, ge=-_LARGEST, le=_LARGEST, description="Known mean before the change")
    variance: float = Field(
        1.0, ge=1e-60, le=_LARGEST, description="Known variance before the change; of=variance estimates it"
    )
    window: int = Field(200, ge=2, le=100_000, description="Latest observations looked at")
    minimum_segment: int = Field(5, ge=1, description="Fewest observations before or after a change")
    growth: float = Field(1.0, ge=1, le=10, description="Above 1: a geometric grid of times of change")
    threshold: float = Field(8.0, ge=1e-60, le=_LARGEST, description="Alarms above this, nats")

    @model_validator(mode="after")
    def _segments_fit(self) -> LikelihoodRatioSettings:
        if self.window // 2 < self.minimum_segment:
            raise ValueError("window must hold two of minimum_segment")
        if self.of == "variance" and self.minimum_segment < 2:
            raise ValueError("minimum_segment must be at least 2 for the variance")
        return self

    def detector(self) -> LikelihoodRatio:
        return LikelihoodRatio(**self.model_dump())


class ChangePointSettings(BaseModel):
    """Bayesian online change points of a standardised input."""

    model_config = _CONFIG

    expected_run: float = Field(250.0, gt=1, le=1e12, description="Observations between changes, on average")
    prior_mean: float = Field(0.0, ge=-_LARGEST, le=_LARGEST)
    prior_mean_weight: float = Field(1.0, ge=1e-60, le=_LARGEST, description="In observations")
    prior_shape: float = Field(
        1.0, ge=1e-60, le=_LARGEST, description="Half the observations behind the variance"
    )
    prior_scale: float = Field(1.0, ge=1e-60, le=_LARGEST)
    runs: int = Field(
        500,
        ge=10,
        le=100_000,
        description="Most run lengths kept; fewer than twice expected_run drop mass that matters",
    )
    least_mass: float = Field(1e-6, ge=0, lt=1, description="Run lengths with less probability are dropped")
    recent: int = Field(5, ge=1, le=2**62, description="A change this many observations back is recent")
    threshold: float = Field(0.5, gt=0, lt=1, description="Alarms when P(recent change) rises above this")

    @model_validator(mode="after")
    def _mass_fits(self) -> ChangePointSettings:
        if self.least_mass >= 1 / self.expected_run:
            raise ValueError("least_mass must be below 1 / expected_run")
        return self

    def detector(self) -> BayesianChangePoint:
        return BayesianChangePoint(**self.model_dump())


class MarketStateSettings(BaseModel):
    """How the classifier's measures are taken from bars."""

    model_config = _CONFIG

    bar_minutes: int = Field(15, ge=1, le=1440)
    directional_index_length: int = Field(14, ge=2, le=1000, description="Bars of Wilder's smoothing")
    volatility_hours: int = Field(24, ge=1, le=168, description="Span of realised volatility and of the move")
    volume_minutes: int = Field(60, ge=1, le=1440, description="Span whose volume is compared with the usual")
    usual_days: int = Field(
        7, ge=1, le=60, description="The usual volume is the median of that many days' same hour"
    )

    @model_validator(mode="after")
    def _whole_bars(self) -> MarketStateSettings:
        problems = []
        if 1440 % self.bar_minutes:
            problems.append("bar_minutes must divide the day")
        if self.volatility_hours * 60 % self.bar_minutes:
            problems.append("volatility_hours must be whole bars")
        if self.volume_minutes % self.bar_minutes:
            problems.append("volume_minutes must be whole bars")
        if problems:
            raise ValueError("; ".join(problems))
        return self


class ClassifierSettings(BaseModel):
    """Thresholds of the regimes; each is strict, but for the two ends of the range's volatility."""

    model_config = _CONFIG

    illiquid_volume_ratio: float = Field(
        0.30, ge=0, description="Illiquid below this share of the usual volume"
    )
    illiquid_spread_bps: float = Field(50.0, gt=0, description="Illiquid above this spread")
    panic_volatility: float = Field(0.05, gt=0, description="Panic needs a 24 h volatility above this")
    panic_volume_ratio: float = Field(
        1.5, ge=0, description="Panic needs more than this share of the usual volume"
    )
    trend_directional_index: float = Field(25.0, ge=0, le=100, description="Trend above this ADX")
    range_directional_index: float = Field(20.0, ge=0, le=100, description="Range below this ADX")
    range_volatility_low: float = Field(0.01, ge=0, description="Range from this 24 h volatility on")
    range_volatility_high: float = Field(0.04, gt=0, description="Range up to this 24 h volatility")
    hysteresis: float = Field(
        0.10, ge=0, lt=1, description="A regime holds until its threshold is missed by this share of it"
    )
    confirmation_minutes: int = Field(30, ge=0, le=10_080, description="Another regime must last this long")
    dwell_minutes: int = Field(60, ge=0, le=10_080, description="A regime lasts at least this long")
    protective_minutes: int = Field(
        0, ge=0, le=10_080, description="Confirmation of illiquid and panic, which no dwell delays"
    )

    @model_validator(mode="after")
    def _ordered(self) -> ClassifierSettings:
        problems = []
        if self.range_directional_index > self.trend_directional_index:
            problems.append("range_directional_index exceeds trend_directional_index")
        if self.range_volatility_low > self.range_volatility_high:
            problems.append("range_volatility_low exceeds range_volatility_high")
        if self.panic_volume_ratio < self.illiquid_volume_ratio:
            problems.append("panic_volume_ratio is below illiquid_volume_ratio")
        if problems:
            raise ValueError("; ".join(problems))
        return self


class ScalerSettings(BaseModel):
    """Multiplier of size in each regime, in [0, 1]."""

    model_config = _CONFIG

    trend: float = Field(1.0, ge=0, le=1)
    range: float = Field(0.75, ge=0, le=1)
    neutral: float = Field(0.5, ge=0, le=1)
    panic: float = Field(0.0, ge=0, le=1)
    illiquid: float = Field(0.0, ge=0, le=1)


class VolatilityIndexSettings(BaseModel):
    """Level of the universe's volatility on the scale of the equity index VIX, by rank in its own history.

    The three percentiles are where 15, 30 and 35 lie, in round numbers, among daily closes of the VIX since 1990.
    """

    model_config = _CONFIG

    low_level: float = Field(15.0, gt=0)
    high_level: float = Field(30.0, gt=0)
    halt_level: float = Field(35.0, gt=0)
    low_percentile: float = Field(0.35, gt=0, lt=1)
    high_percentile: float = Field(0.90, gt=0, lt=1)
    halt_percentile: float = Field(0.95, gt=0, lt=1)
    floor_level: float = Field(9.0, ge=0, description="Of the calmest hour on record")
    ceiling_level: float = Field(80.0, gt=0, description="Of the wildest hour on record")
    step_minutes: int = Field(15, ge=1, le=1440, description="One sample of history in each step")
    history: int = Field(
        8_640, ge=10, le=1_000_000, description="Samples that a level is ranked among: 90 days"
    )
    minimum_history: int = Field(
        672, ge=2, le=1_000_000, description="Samples before there is an index: 7 days"
    )
    minimum_instruments: int = Field(
        1, ge=1, le=10_000, description="With fewer volatilities there is no sample"
    )

    @model_validator(mode="after")
    def _rising(self) -> VolatilityIndexSettings:
        problems = []
        if not (self.floor_level < self.low_level < self.high_level < self.halt_level < self.ceiling_level):
            problems.append("levels must rise: floor, low, high, halt, ceiling")
        if not (self.low_percentile < self.high_percentile < self.halt_percentile):
            problems.append("percentiles must rise: low, high, halt")
        if self.minimum_history > self.history:
            problems.append("minimum_history exceeds history")
        if problems:
            raise ValueError("; ".join(problems))
        return self


class ModeSettings(BaseModel):
    model_config = _CONFIG

    band: float = Field(1.0, ge=0, description="Index points by which a level must be missed to leave a mode")
    halted_exposure: float = Field(0.5, ge=0, lt=1, description="Share of exposure kept above the halt level")


class LeaderboardSettings(BaseModel):
    model_config = _CONFIG

    weeks: int = Field(4, ge=1, le=52, description="Latest whole weeks that standings are made from")
    minimum_votes: int = Field(100, ge=2, description="Resolved votes before an engine is judged in a regime")
    minimum_days: int = Field(10, ge=2, le=364, description="Days with votes before it is judged")
    critical_value: float = Field(
        2.0, gt=0, le=10, description="Standard errors that a bound lies from the mean"
    )

    @model_validator(mode="after")
    def _days_fit(self) -> LeaderboardSettings:
        if self.minimum_days > 7 * self.weeks:
            raise ValueError("minimum_days exceeds the days of weeks")
        return self
