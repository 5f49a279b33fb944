"""How votes become signals."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

_STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class CalibrationSettings(BaseModel):
    """How a score becomes a probability."""

    model_config = _STRICT

    method: Literal["auto", "platt", "isotonic", "beta", "venn_abers"] = Field(
        "auto", description="Calibrator; auto: Platt below 1,000 outcomes, Venn-Abers from there on"
    )
    min_outcomes: int = Field(200, ge=2, description="Resolved votes before it is fitted")
    max_outcomes: int = Field(5000, ge=2, description="Latest resolved votes it is fitted on")

    @model_validator(mode="after")
    def _fits_together(self) -> CalibrationSettings:
        if self.min_outcomes > self.max_outcomes:
            raise ValueError("min_outcomes exceeds max_outcomes: nothing would ever be fitted")
        return self


class MonitorSettings(BaseModel):
    """When a probability counts as calibrated."""

    model_config = _STRICT

    bins: int = Field(15, ge=1, description="Bins of the calibration error")
    binning: Literal["equal_width", "equal_mass"] = Field("equal_width", description="How they are cut")
    max_ece: float = Field(0.05, ge=0, le=1, description="Largest calibration error that passes")
    min_outcomes: int = Field(2000, ge=1, description="Fewest resolved votes that pass")
    window: int = Field(5000, ge=1, description="Latest resolved votes that are looked at")
    level: float = Field(0.95, gt=0, lt=1, description="Level of null quantile and intervals")
    draws: int = Field(1000, ge=20, description="Monte Carlo draws of null quantile and intervals")
    bootstrap: Literal["stationary", "moving_block"] = Field("stationary", description="Of the skill")
    reference: Literal["climatology", "even"] = Field(
        "climatology", description="What skill is measured against: the share of right forecasts, or 1/2"
    )
    seed: int = Field(0, ge=0, description="Of the Monte Carlo draws")

    @model_validator(mode="after")
    def _fits_together(self) -> MonitorSettings:
        if self.min_outcomes > self.window:
            raise ValueError("min_outcomes exceeds window: the gate would never open")
        return self


class ReliabilitySettings(BaseModel):
    """How much an engine is believed."""

    model_config = _STRICT

    form: Literal["skill", "plain"] = Field("skill", description="Shrunk Brier skill, or (1 - Brier) x decay")
    half_life_s: float = Field(3600.0, gt=0, description="After which an outcome counts half")
    prior_outcomes: float = Field(50.0, ge=0, description="Effective outcomes at which skill counts half")
    reference: Literal["climatology", "even"] = Field(
        "climatology",
        description="What skill is measured against: the engine's own share of right votes, or 1/2",
    )


class ConsensusSettings(BaseModel):
    """When votes together make a signal."""

    model_config = _STRICT

    threshold: float = Field(0.75, ge=0, description="Trade when |S| exceeds this many deviations of S")
    window: int = Field(
        100, ge=2, le=1000, description="Earlier values of S that the deviation is taken over"
    )
    floor: float = Field(0.05, ge=0, le=1, description="Smallest deviation of S that is believed")
    warm_up: int = Field(30, ge=2, description="Values of S before anything is traded")
    correlation_half_life: float = Field(500.0, gt=0, description="Of the error correlation, in instants")
    correlation_prior: float = Field(50.0, ge=0, description="Instants at which correlations count half")

    @model_validator(mode="after")
    def _fits_together(self) -> ConsensusSettings:
        if self.warm_up > self.window:
            raise ValueError("warm_up exceeds window: nothing would ever be traded")
        return self


class DebateSettings(BaseModel):
    """How a vote is scored, and what is said for and against it."""

    model_config = _STRICT

    alpha_weight: float = Field(0.4, ge=0, description="Weight of the edge after costs")
    regime_weight: float = Field(0.25, ge=0, description="Weight of the fit to the regime")
    diversification_weight: float = Field(0.2, ge=0, description="Weight of what others do not know")
    drawdown_weight: float = Field(0.15, ge=0, description="Weight of the engine's own drawdown")
    full_edge_bps: float = Field(10.0, gt=0, description="Net edge that scores 1")
    regime_low: float = Field(0.45, ge=0, le=1, description="P(right in this regime) that scores 0")
    regime_high: float = Field(0.6, ge=0, le=1, description="P(right in this regime) that scores 1")
    max_drawdown_bps: float = Field(200.0, gt=0, description="Shadow drawdown that scores 0")
    strong: float = Field(0.6, ge=0, le=1, description="Score from which an argument is made for the vote")
    weak: float = Field(0.4, ge=0, le=1, description="Score up to which an argument is made against it")
    min_outcomes: int = Field(30, ge=0, description="Below this the record is called too short")
    critic_timeout_s: float = Field(2.0, gt=0, description="How long an optional critic may take")
    critic_arguments: int = Field(8, ge=0, description="How many of its arguments are kept")

    @model_validator(mode="after")
    def _fits_together(self) -> DebateSettings:
        problems = []
        weights = (self.alpha_weight, self.regime_weight, self.diversification_weight, self.drawdown_weight)
        if not sum(weights) > 0:
            problems.append("all weights are 0: nothing would be scored")
        if self.regime_low >= self.regime_high:
            problems.append("regime_low is not below regime_high")
        if self.weak >= self.strong:
            problems.append("weak is not below strong: a score would speak for and against")
        if problems:
            raise ValueError("; ".join(problems))
        return self


class LearningSettings(BaseModel):
    """What outcomes teach about the weight of engines."""

    model_config = _STRICT

    method: Literal["ucb", "hedge"] = Field("ucb", description="Averages with a bonus, or full information")
    half_life: float = Field(200.0, gt=0, description="Of an engine's average, in its own outcomes")
    exploration: float = Field(1.0, ge=0, description="Factor of the upper confidence bonus")
    learning_rate: float = Field(0.1, gt=0, description="Of Hedge")
    share: float = Field(0.001, ge=0, le=1, description="Of Hedge's weights spread evenly at each step")
    reward_scale_bps: float = Field(10.0, gt=0, description="Move that makes a reward 0 or 1")
    influence: tuple[tuple[int, float], ...] = Field(
        ((0, 0.2), (10, 0.3), (30, 0.5), (100, 0.7)),
        description="From so many outcomes on, the share of what was learnt in a weight",
    )

    @model_validator(mode="before")
    @classmethod
    def _as_tuples(cls, values: Any) -> Any:
        if isinstance(values, dict) and isinstance(values.get("influence"), list):
            return {**values, "influence": tuple(tuple(step) for step in values["influence"])}
        return values

    @model_validator(mode="after")
    def _fits_together(self) -> LearningSettings:
        starts = [start for start, _ in self.influence]
        if not starts or starts[0] != 0 or any(a >= b for a, b in pairwise(starts)):
            raise ValueError("influence must begin at 0 outcomes and rise")
        if any(not 0 <= share <= 1 for _, share in self.influence):
            raise ValueError("an influence lies outside [0, 1]")
        return self


class VolatilityGateSettings(BaseModel):
    """When it is too wild to enter."""

    model_config = _STRICT

    lookback: int = Field(50, ge=1, description="Readings of ATR over price that the median is taken over")
    multiple: float = Field(1.5, gt=0, description="Skip above this many medians")


class SignalSettings(BaseModel):
    """How the Strategy stage makes signals of votes, and which it refuses."""

    model_config = _STRICT

    method: Literal["auto", "platt", "isotonic", "beta", "venn_abers"] = Field(
        "auto", description="Calibrator; auto: Platt below 1,000 outcomes, Venn-Abers from there on"
    )
    calibrate_on: Literal["edge", "score"] = Field(
        "edge",
        description="What of a vote becomes a probability: its expected move, or its score, which engines that learn "
        "online state on a scale that drifts",
    )
    min_outcomes: int = Field(
        50,
        ge=2,
        description="Outcomes that count, of engine and instrument or else of the engine, before a fit",
    )
    max_outcomes: int = Field(5000, ge=2, description="Latest of these that a fit goes back to")
    require_calibration: bool = Field(True, description="Refuse signals without a calibrated probability")
    require_consensus: bool = Field(True, description="Refuse signals that skill and consensus do not back")
    require_approval: bool = Field(True, description="Leave out engines that the regime does not approve")
    min_p: float = Field(0.55, ge=0, le=1, description="Refuse signals less likely to be right than this")
    refit_s: float = Field(
        10.0, ge=0.001, le=86_400, description="Calibrations and weights are renewed so often"
    )
    monitor_s: float = Field(60.0, ge=0.001, le=86_400, description="The live monitor looks so often")
    unproven_outcomes: int = Field(
        200, ge=1, description="Independent outcomes from which on the monitor's error counts at all"
    )
    require_proof: bool = Field(
        False,
        description="Refuse signals until the monitor has min_outcomes and passes; else only once it fails",
    )
    # Seen as forecasts of "up", votes are measured against a coin: always right in 60 % is worth something.
    monitor: MonitorSettings = Field(default_factory=lambda: MonitorSettings(reference="even", draws=200))
    reliability: ReliabilitySettings = Field(default_factory=lambda: ReliabilitySettings(reference="even"))
    consensus: ConsensusSettings = Field(default_factory=ConsensusSettings)
    debate: DebateSettings = Field(default_factory=DebateSettings)
    learning: LearningSettings = Field(default_factory=LearningSettings)
    volatility_gate: VolatilityGateSettings = Field(default_factory=VolatilityGateSettings)

    @model_validator(mode="after")
    def _fits_together(self) -> SignalSettings:
        if self.min_outcomes > self.max_outcomes:
            raise ValueError("min_outcomes exceeds max_outcomes: nothing would ever be fitted")
        return self

    @property
    def calibration(self) -> CalibrationSettings:
        return CalibrationSettings(
            method=self.method, min_outcomes=self.min_outcomes, max_outcomes=self.max_outcomes
        )
