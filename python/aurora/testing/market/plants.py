"""What can be planted in a synthetic market, each with its knobs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, cast

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = [
    "PATTERN_DEFAULTS",
    "REGIME_SHAPES",
    "FaultKind",
    "FaultPlant",
    "FlowPlant",
    "Frozen",
    "FundingPlant",
    "Impulses",
    "Jumps",
    "LinkPlant",
    "PatternKind",
    "PatternPlant",
    "RegimeName",
    "RegimePlant",
    "RegimeShape",
]


class Frozen(BaseModel):
    """Settings that do not change, and know no unknown names."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Impulses(Frozen):
    """Sudden moves that are carried by aggressive orders: ramps of 5 to 12 grid steps (Pareto sizes, exponent 1)."""

    every_s: float = Field(5.0, ge=2, le=86_400, description="Mean time between two of them")
    smallest_bps: float = Field(25.0, gt=0, le=500)
    largest_bps: float = Field(60.0, gt=0, le=1_000)

    @model_validator(mode="after")
    def _order(self) -> Impulses:
        if self.smallest_bps >= self.largest_bps:
            raise ValueError("smallest_bps must be below largest_bps")
        return self

    @property
    def mean_bps(self) -> float:
        """Expected magnitude: of a Pareto of exponent 1 between a and b it is ab/(b - a) ln(b/a)."""
        low, high = self.smallest_bps, self.largest_bps
        return low * high / (high - low) * math.log(high / low)


class Jumps(Frozen):
    """Heavy-tailed jumps within one grid step: P(size > x) = (scale/x)^tail_index, cut at the largest."""

    every_s: float = Field(600.0, gt=0, le=10**7)
    scale_bps: float = Field(20.0, gt=0, le=1_000)
    largest_bps: float = Field(400.0, gt=0, le=3_000)
    tail_index: Literal[1, 2, 4] = 2

    @model_validator(mode="after")
    def _order(self) -> Jumps:
        if self.scale_bps > self.largest_bps:
            raise ValueError("scale_bps must not exceed largest_bps")
        return self


class LinkPlant(Frozen):
    """The follower repeats ``strength`` times the leader's log moves, ``lag_ms`` later, while the link is on.

    A lag of 0 makes a control: correlated with the leader at once and behind it never.
    """

    leader: str
    follower: str
    lag_ms: int = Field(ge=0, le=86_400_000)
    strength: float = Field(gt=0, le=2, description="In thousandths")
    on_s: float | None = Field(
        None, gt=0, description="Mean length of spells in which it is on; None: always on"
    )
    off_s: float | None = Field(None, gt=0, description="Mean length of spells in which it is off")
    intervals_s: tuple[tuple[float, float], ...] | None = Field(
        None, description="Instead: when it is on, seconds since the start"
    )

    @model_validator(mode="after")
    def _spells(self) -> LinkPlant:
        if (self.on_s is None) != (self.off_s is None):
            raise ValueError("on_s and off_s go together")
        if self.intervals_s is not None:
            if self.on_s is not None:
                raise ValueError("give intervals_s or on_s and off_s, not both")
            flat = [edge for interval in self.intervals_s for edge in interval]
            if flat != sorted(set(flat)) or any(edge < 0 for edge in flat):
                raise ValueError("intervals_s must rise and not overlap")
        if self.leader == self.follower:
            raise ValueError("a symbol cannot lead itself")
        if round(self.strength * 1000) < 1 or abs(self.strength * 1000 - round(self.strength * 1000)) > 1e-6:
            raise ValueError("strength must be a whole number of thousandths")
        return self


PatternKind = Literal[
    "intraday_momentum",
    "vwap_reversion",
    "volume_spike",
    "relative_strength",
    "opening_range_breakout",
    "quick_reversion",
]


class PatternPlant(Frozen):
    """Episodes of one intraday pattern: a visible trigger, then a move of ``edge_bps`` over the horizon.

    What the trigger looks like, and whether the move goes on or turns, is the pattern's; see docs/synthetic-market.md.
    None takes the default of the pattern, which fits an engine that looks back an hour on one-minute bars.
    """

    kind: PatternKind
    symbol: str
    edge_bps: float = Field(gt=0, le=1_000, description="Expected move behind the trigger")
    trigger_bps: float | None = Field(None, gt=0, le=2_000)
    trigger_s: float | None = Field(None, gt=0, le=86_400)
    horizon_s: float | None = Field(None, gt=0, le=86_400)
    every_s: float | None = Field(
        None, gt=0, description="Mean time between episodes; of the breakout, the length of a session"
    )
    volume_multiple: float | None = Field(
        None, ge=0, le=100, description="Trades during the trigger, 1: as always"
    )
    benchmark: str | None = Field(
        None, description="Relative strength: who moves the other way; None: nobody"
    )

    def resolved(self, noise_bps: float) -> ResolvedPattern:
        """All of it in numbers; sizes follow the symbol's diffusion."""
        trigger_s, horizon_s, every_s, volume, sigmas, span_s = PATTERN_DEFAULTS[self.kind]
        trigger_s = self.trigger_s if self.trigger_s is not None else trigger_s
        span = trigger_s if span_s is None else span_s
        bps = self.trigger_bps if self.trigger_bps is not None else max(5.0, sigmas * noise_bps * span**0.5)
        return ResolvedPattern(
            trigger_bps=bps,
            trigger_s=trigger_s,
            horizon_s=self.horizon_s if self.horizon_s is not None else horizon_s,
            every_s=self.every_s if self.every_s is not None else every_s,
            volume_multiple=self.volume_multiple if self.volume_multiple is not None else volume,
        )


class ResolvedPattern(Frozen):
    trigger_bps: float
    trigger_s: float
    horizon_s: float
    every_s: float
    volume_multiple: float

    @model_validator(mode="after")
    def _room(self) -> ResolvedPattern:
        if self.every_s < self.trigger_s + self.horizon_s:
            raise ValueError(
                f"every_s {self.every_s:g} leaves no room for a trigger of {self.trigger_s:g} s "
                f"and a horizon of {self.horizon_s:g} s"
            )
        return self


PATTERN_DEFAULTS: Mapping[str, tuple[float, float, float, float, float, float | None]] = MappingProxyType(
    {
        # trigger_s, horizon_s, every_s, volume, trigger in deviations of the diffusion over a span (None: trigger_s)
        "intraday_momentum": (3_600.0, 3_600.0, 14_400.0, 1.0, 3.0, None),
        "vwap_reversion": (1_800.0, 3_600.0, 14_400.0, 0.2, 5.0, 3_600.0),
        "volume_spike": (120.0, 3_600.0, 14_400.0, 12.0, 2.5, 900.0),
        "relative_strength": (3_600.0, 3_600.0, 14_400.0, 1.0, 3.0, None),
        "opening_range_breakout": (1_800.0, 3_600.0, 86_400.0, 1.0, 3.5, None),
        "quick_reversion": (60.0, 900.0, 7_200.0, 1.0, 2.5, 1_200.0),
    }
)


class FlowPlant(Frozen):
    """Bursts of trades in one direction.

    Toxic flow knows: the price goes on in its direction by ``impact_bps`` within the horizon and stays there, so who
    made its market loses. Benign flow does not: the price gives way by the same amount at once and comes back.
    """

    symbol: str
    kind: Literal["toxic", "benign"]
    every_s: float = Field(15.0, gt=0, le=86_400)
    impact_bps: float = Field(5.0, gt=0, le=200)
    horizon_s: float = Field(2.0, gt=0, le=3_600)
    burst_ms: int = Field(300, ge=1, le=60_000)
    trades: int = Field(8, ge=1, le=1_000, description="Aggressive orders of a burst")

    @model_validator(mode="after")
    def _room(self) -> FlowPlant:
        if self.every_s < 2 * (self.burst_ms / 1000 + self.horizon_s):
            raise ValueError("every_s leaves no room for burst and horizon, twice each")
        return self


RegimeName = Literal["TREND", "RANGE", "NEUTRAL", "PANIC", "ILLIQUID"]


class RegimeShape(Frozen):
    """What a regime does to every symbol."""

    volatility: float = Field(1.0, ge=0, le=20, description="Multiplies the diffusion")
    drift_bps_per_hour: float = Field(0.0, ge=-5_000, le=5_000, description="Of a trend the magnitude")
    either_way: bool = Field(False, description="The drift's sign is drawn for each spell")
    half_life_s: float | None = Field(
        None, gt=0, description="Diffusion is pulled back to where the spell began"
    )
    activity: float = Field(1.0, ge=0, le=20, description="Multiplies quotes and trades")
    spread_ticks: int = Field(1, ge=1, le=1_000, description="Usual spread")


REGIME_SHAPES: Mapping[str, RegimeShape] = MappingProxyType(
    {
        "TREND": RegimeShape(volatility=0.7, drift_bps_per_hour=60.0, either_way=True),
        "RANGE": RegimeShape(volatility=0.6, half_life_s=900.0),
        "NEUTRAL": RegimeShape(),
        "PANIC": RegimeShape(volatility=3.0, drift_bps_per_hour=-150.0, activity=3.0, spread_ticks=2),
        "ILLIQUID": RegimeShape(volatility=0.5, activity=0.1, spread_ticks=4),
    }
)
"""Shapes for hours and days; a market of minutes wants its own."""


class RegimePlant(Frozen):
    """Labelled regimes, the same for all symbols: spells drawn from the seed, or as given."""

    dwell_s: float = Field(
        7_200.0, gt=0, description="Mean length of a spell: half to one and a half times this"
    )
    names: tuple[RegimeName, ...] = Field(("TREND", "RANGE", "NEUTRAL", "PANIC", "ILLIQUID"), min_length=1)
    spells: tuple[tuple[RegimeName, float], ...] | None = Field(
        None, description="Instead: names and seconds, the last one to the end"
    )
    shapes: dict[RegimeName, RegimeShape] = Field(
        default_factory=dict, description="In place of REGIME_SHAPES"
    )

    def shape(self, name: str) -> RegimeShape:
        return self.shapes.get(cast(RegimeName, name), REGIME_SHAPES[name])


class FundingPlant(Frozen):
    """Funding of every symbol: rates that persist (an autoregression of order one). Captures do not tell of it."""

    interval_minutes: int = Field(480, ge=1, le=1_440)
    mean_bps: float = Field(1.0, ge=-100, le=100, description="Mean rate of an interval")
    deviation_bps: float = Field(1.0, ge=0, le=100, description="Deviation of one innovation")
    persistence: float = Field(0.8, ge=0, lt=1)


FaultKind = Literal["gap", "duplicate", "late", "outlier", "clock_step"]


class FaultPlant(Frozen):
    """A fault of the recording, so many times at drawn moments, each of them in the truth's ledger.

    ===========  ====================================================================================================
    gap          a diff is lost; a new snapshot comes ``recover_s`` later, or never
    duplicate    a diff comes twice
    late         a print is written behind its successors, with its own receive time
    outlier      a print ``size_bps`` away from the market, flagged as an ordinary one
    clock_step   the receive clock of all captures jumps by ``step_ms``; ``symbol`` must be None
    ===========  ====================================================================================================
    """

    kind: FaultKind
    symbol: str | None = None
    count: int = Field(1, ge=1, le=10_000)
    recover_s: float | None = Field(2.0, gt=0, le=86_400)
    size_bps: float = Field(300.0, gt=0, le=5_000)
    step_ms: int = Field(50, ge=1, le=60_000)

    @model_validator(mode="after")
    def _whose(self) -> FaultPlant:
        if (self.symbol is None) != (self.kind == "clock_step"):
            raise ValueError("a clock step concerns all symbols, every other fault one of them")
        return self
