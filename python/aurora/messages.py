"""The vocabulary: immutable messages that rooms answer one another with.

Columns travel up to the gate (numpy arrays of one slice), objects after it. Times are integer nanoseconds of
corrected local time unless a name says otherwise; prices and sizes are integer quanta of the instrument, money
is an integer count of 1e-8 of the settlement currency. Market and feature blocks live in Rust
(:class:`aurora._core.MarketBlock`, :class:`aurora._core.FeatureBlock`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from aurora._core import FeatureBlock, MarketBlock

IntColumn = npt.NDArray[np.int64]
FloatColumn = npt.NDArray[np.float64]
BoolColumn = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class MarketMessage:
    """Decoded events of one instrument in one slice; what a source emits and the Market stage reads."""

    slice_index: int
    instrument: str
    block: MarketBlock


@dataclass(frozen=True, slots=True)
class FeatureMessage:
    """Features of one instrument in one slice, with the market block they came from (the venue needs it)."""

    slice_index: int
    instrument: str
    features: FeatureBlock
    block: MarketBlock
    quality: dict[str, Any] | None = None
    """Counts of the whole stream, with its last block."""


@dataclass(frozen=True, slots=True)
class Votes:
    """What one engine thinks about one instrument: one row per sample with an opinion."""

    engine: str
    instrument: str
    row: IntColumn
    """Index of the sample in the feature rows the engine was given."""
    local_ns: IntColumn
    side: npt.NDArray[np.int8]
    """+1 or -1."""
    score: FloatColumn
    """Uncalibrated log-odds that the price goes *up* over the horizon."""
    edge_bps: FloatColumn
    """Expected move in the direction of ``side`` over the horizon, basis points, before costs."""
    horizon_ns: IntColumn
    abstained: dict[str, int]
    """Samples without a vote, counted by reason."""
    reason: str = ""
    """Why these samples have one: the rule in words."""
    reliability: FloatColumn | None = None
    """How far the engine trusts itself, 0 to 1, from its own record out of sample; None where it keeps none. The
    signal room measures every engine by itself."""

    @property
    def p(self) -> FloatColumn:
        """P(chosen side is right) as the engine sees it, not calibrated: 1 / (1 + exp(-side·score))."""
        towards: FloatColumn = np.clip(self.side * self.score, -700.0, 700.0)
        return 1.0 / (1.0 + np.exp(-towards))


@dataclass(frozen=True, slots=True)
class Voice:
    """One engine's vote in a consensus."""

    engine: str
    side: int
    p: float | None
    """Calibrated P(the side of this vote is right); None while uncalibrated."""
    weight: float
    """In the consensus; 0 for an engine without skill or that the regime does not approve."""
    edge_bps: float
    approved: bool
    debate: float | None = None
    """Score of the debate in [0, 1]; None where none was held."""


@dataclass(frozen=True, slots=True)
class DebateArgument:
    """One argument of the debate."""

    engine: str
    stance: str
    """``for`` or ``against``."""
    rule: str
    text: str


@dataclass(frozen=True, slots=True)
class RegimeUpdate:
    """What the regime room says of an instrument from this time on."""

    local_ns: int
    instrument: str
    regime: str
    mode: str
    halted: bool
    volatility_index: float | None
    """Of the universe."""


@dataclass(frozen=True, slots=True)
class CalibrationUpdate:
    """What the live monitor says from this time on."""

    local_ns: int
    error: float | None
    """Expected calibration error of the signals' p."""
    expected: float | None
    """Its null quantile: what calibrated forecasts as many as these would not exceed."""
    outcomes: int
    lost: bool
    """The gate is closed."""


@dataclass(frozen=True, slots=True)
class Signal:
    """One calibrated opinion on one instrument at one time."""

    trace: int
    """64-bit id, a pure function of the decision; printed as 16 hexadecimal digits."""
    instrument: str
    local_ns: int
    engine: str
    side: int
    score: float
    p: float | None
    """Calibrated P(chosen side is right); None while there is no valid calibration."""
    consensus: float
    """Weighted sum of (2p - 1)·side over the votes."""
    gross_edge_bps: float
    horizon_ns: int
    feature_hash: int
    """64-bit hash of every market event and feature row of the whole universe up to this sample."""
    bid: int
    ask: int
    bid_size: int
    ask_size: int
    refusal: str | None = None
    """Reason code where the signal room already says no; the desk records it and looks no further."""
    regime: str | None = None
    threshold: float | None = None
    """What |consensus| had to exceed; None while warming up."""
    p_outcomes: float | None = None
    """Outcomes that p rests on: how sure it is."""
    depth: int | None = None
    """Displayed size within 5 bps on the side that taking would take, size quanta."""
    voices: tuple[Voice, ...] = ()
    arguments: tuple[DebateArgument, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the market did after a vote, traded or not, at the vote's horizon."""

    trace: int
    engine: str
    instrument: str
    due_ns: int
    side: int
    return_bps: float | None
    """Mid return over the horizon in basis points (not signed by side); None when the book was unusable."""


@dataclass(frozen=True, slots=True)
class StrategyMessage:
    """All that one slice of the universe brings to the desk."""

    slice_index: int
    end_ns: int
    """Everything in here happened before this local time."""
    final: bool
    """Every stream has ended."""
    markets: tuple[FeatureMessage, ...]
    signals: tuple[Signal, ...]
    outcomes: tuple[Outcome, ...]
    counts: tuple[SliceCount, ...]
    regimes: tuple[RegimeUpdate, ...] = ()
    calibrations: tuple[CalibrationUpdate, ...] = ()
    findings: dict[str, Any] | None = None
    """What the engines believe at the end of the run, by engine; set when final."""


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """Why a signal was traded or not; final at decision time. Linked to orders, fills and outcomes by trace."""

    signal: Signal
    reason: str
    """Exactly one code of ``aurora._core.reason_codes()``."""
    fee_bps: float | None = None
    half_spread_bps: float | None = None
    cost_bps: float | None = None
    net_edge_bps: float | None = None
    """Each cost is for the round trip the route would take; None where the decision fell before pricing."""
    route: str | None = None
    """``maker`` or ``taker``."""
    equity: int | None = None
    """Account equity at decision time, money quanta."""
    scalers: dict[str, float] = field(default_factory=dict)
    """Size multipliers in [0, 1] by name."""
    caps: dict[str, int] = field(default_factory=dict)
    """Size in quanta that each limit alone would allow, by name."""
    size: int | None = None
    price: int | None = None
    client_id: str | None = None
    policy_hash: str = ""
    sizing: str | None = None
    """Everything that made the size, as JSON with exact numbers: enough to compute it again. None before sizing."""


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """One row of the order log: a command sent or a report taken."""

    local_ns: int
    client_id: str
    trace: int
    instrument: str
    leg: str
    """``entry``, ``stop`` or ``exit``."""
    event: str
    """``placed``, ``accepted``, ``partially_filled``, ``filled``, ``rejected``, ``cancel_requested``, ..."""
    side: int
    order_type: str
    price: int | None
    trigger: int | None
    size: int
    cumulative: int
    detail: str


@dataclass(frozen=True, slots=True)
class Fill:
    """One unique execution, with the touch the venue saw when it matched (for the cost split)."""

    trade_id: int
    client_id: str
    trace: int
    instrument: str
    leg: str
    side: int
    price: int
    size: int
    fee: int
    liquidity: str
    """``maker`` or ``taker``."""
    exchange_ns: int
    local_ns: int
    bid: int
    ask: int


@dataclass(frozen=True, slots=True)
class EquityPoint:
    """Account marked at the last mids the desk saw, on a fixed grid of local time."""

    local_ns: int
    equity: int
    cash: int
    fees: int
    positions: dict[str, int]
    """Size quanta by instrument."""
    mids: dict[str, float]


@dataclass(frozen=True, slots=True)
class SliceCount:
    """How many samples one slice had, and why those without a vote had none."""

    slice_index: int
    local_ns: int
    instrument: str
    samples: int
    votes: int
    abstained: dict[str, int]


@dataclass(frozen=True, slots=True)
class DeskRecords:
    """What one slice adds to the journal. ``end`` is set once, in the last slice: the totals of the run."""

    slice_index: int
    events: int
    """Level updates, tickers and trades read so far, over the whole run."""
    decisions: list[DecisionRecord]
    orders: list[OrderEvent]
    fills: list[Fill]
    outcomes: list[Outcome]
    equity: list[EquityPoint]
    slices: list[SliceCount]
    ledger: list[bytes]
    """Rows for the durable ledger, encoded by Rust, in order."""
    faults: list[str]
    end: dict[str, Any] | None = None
