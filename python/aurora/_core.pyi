"""Types of the Rust module. Times are nanoseconds, prices and sizes quanta, money 1e-8 quanta."""

from collections.abc import Callable, Sequence
from typing import Any, TypedDict, final

import numpy as np
import numpy.typing as npt

__all__ = [
    "BarBlock",
    "BarCore",
    "BayesianChangePoint",
    "BookSynchroniser",
    "CaptureStream",
    "Cusum",
    "DeskCore",
    "DurableLedger",
    "ExitPlan",
    "FeatureBlock",
    "FeatureFit",
    "HiddenMarkovFilter",
    "Instrument",
    "LeadLagModel",
    "LikelihoodRatio",
    "MarketBlock",
    "MarketCore",
    "MarketInspector",
    "PageHinkley",
    "Schedule",
    "__version__",
    "best_venue",
    "choose_schedule",
    "cross_columns",
    "feature_catalogue",
    "fit_hidden_markov",
    "hayashi_yoshida_curve",
    "hidden_markov_filter",
    "hidden_markov_path",
    "inspect_capture",
    "platt_fit",
    "platt_probability",
    "quote_touch",
    "read_ledger",
    "read_touches",
    "readiness_names",
    "reason_codes",
    "recursive_least_squares",
    "undefined_reasons",
    "venue_scores",
    "volume_curve",
]

__version__: str

_Int = npt.NDArray[np.int64]
_Float = npt.NDArray[np.float64]

class _Link(TypedDict):
    lag_ns: int
    correlation: float | None
    lead_lag_ratio: float | None
    noise: float | None
    significant: bool
    verdict: str
    n_leader: int
    n_follower: int

class _Account(TypedDict):
    cash: int
    equity: int
    day_start_equity: int
    realised: int
    fees: int
    funding: int
    instruments: list[tuple[int, int | None, bool, int]]

class _MarketColumns(TypedDict):
    kind: npt.NDArray[np.uint8]
    flags: npt.NDArray[np.uint8]
    local_ns: _Int
    exchange_ns: _Int
    first_id: npt.NDArray[np.uint64]
    last_id: npt.NDArray[np.uint64]
    previous_id: npt.NDArray[np.uint64]
    level_message: _Int
    level_side: npt.NDArray[np.int8]
    level_price: _Int
    level_size: _Int

@final
class Instrument:
    def __new__(
        cls,
        market: str,
        symbol: str,
        *,
        price_exponent: int,
        size_exponent: int,
        tick: int,
        lot: int,
        min_notional: int,
    ) -> Instrument: ...
    @property
    def key(self) -> str: ...
    @property
    def market(self) -> str: ...
    @property
    def symbol(self) -> str: ...
    @property
    def price_exponent(self) -> int: ...
    @property
    def size_exponent(self) -> int: ...
    @property
    def tick(self) -> int: ...
    @property
    def lot(self) -> int: ...
    @property
    def min_notional(self) -> int: ...
    @property
    def is_inverse(self) -> bool: ...
    @property
    def price_scale(self) -> int: ...
    @property
    def size_scale(self) -> int: ...
    def format_price(self, quanta: int) -> str: ...
    def format_size(self, quanta: int) -> str: ...

@final
class MarketBlock:
    @property
    def end_ns(self) -> int: ...
    @property
    def last(self) -> bool: ...
    @property
    def fault(self) -> str | None: ...
    @property
    def bad_lines(self) -> tuple[int, list[str]]: ...
    @property
    def first_event_ns(self) -> int | None: ...
    @property
    def last_event_ns(self) -> int | None: ...
    def columns(self) -> _MarketColumns: ...
    @property
    def level_count(self) -> int: ...
    @staticmethod
    def from_columns(
        columns: _MarketColumns, *, end_ns: int, last: bool, fault: str | None = None
    ) -> MarketBlock: ...
    def __len__(self) -> int: ...
    def __arrow_c_stream__(self, requested_schema: Any | None = None) -> Any: ...
    @staticmethod
    def from_arrow(
        table: Any, *, levels: Any | None = None, end_ns: int, last: bool = False, fault: str | None = None
    ) -> MarketBlock: ...
    @staticmethod
    def gather(
        blocks: Sequence[MarketBlock],
        start_ns: int,
        end_ns: int,
        *,
        last: bool = False,
        fault: str | None = None,
        bad_lines: tuple[int, list[str]] | None = None,
    ) -> MarketBlock: ...
    def to_bytes(self) -> bytes: ...
    @classmethod
    def from_bytes(cls, data: bytes) -> MarketBlock: ...
    def __reduce__(self) -> tuple[Any, tuple[bytes]]: ...

@final
class BookSynchroniser:
    def __new__(cls, instrument: Instrument) -> BookSynchroniser: ...
    @property
    def diffs(self) -> int: ...
    def process(self, block: MarketBlock) -> MarketBlock: ...

@final
class FeatureBlock:
    @property
    def local_ns(self) -> _Int: ...
    @property
    def book_state(self) -> npt.NDArray[np.uint8]: ...
    @property
    def bid(self) -> _Int: ...
    @property
    def ask(self) -> _Int: ...
    @property
    def bid_size(self) -> _Int: ...
    @property
    def ask_size(self) -> _Int: ...
    @property
    def mid(self) -> _Float: ...
    @property
    def spread_bps(self) -> _Float: ...
    @property
    def obi_1(self) -> _Float: ...
    @property
    def obi_k(self) -> _Float: ...
    @property
    def weighted_mid(self) -> _Float: ...
    @property
    def ofi(self) -> _Float: ...
    @property
    def tfi(self) -> _Float: ...
    @property
    def realised_volatility(self) -> _Float: ...
    @property
    def feature_hash(self) -> npt.NDArray[np.uint64]: ...
    @property
    def extra(self) -> list[str]: ...
    def column(self, name: str) -> _Float: ...
    def reasons(self, name: str) -> npt.NDArray[np.uint8]: ...
    @property
    def end_ns(self) -> int: ...
    @property
    def last(self) -> bool: ...
    @property
    def quotes(self) -> tuple[_Int, _Int, _Int]: ...
    @property
    def event_count(self) -> int: ...
    @property
    def quote_count(self) -> int: ...
    def __len__(self) -> int: ...
    def __arrow_c_stream__(self, requested_schema: Any | None = None) -> Any: ...
    def to_bytes(self) -> bytes: ...
    @classmethod
    def from_bytes(cls, data: bytes) -> FeatureBlock: ...
    def __reduce__(self) -> tuple[Any, tuple[bytes]]: ...

@final
class MarketCore:
    def __new__(
        cls,
        instrument: Instrument,
        *,
        sample_ns: int,
        depth_levels: int,
        trade_flow_half_life_ns: int,
        volatility_half_life_ns: int,
        volatility_minimum_changes: int,
        sampling: str = "grid",
        extra: Sequence[str] | None = None,
        kernels: str | None = None,
        clock_offset_ns: int = 0,
        unsynchronised: bool = False,
    ) -> MarketCore: ...
    def process(self, block: MarketBlock) -> FeatureBlock: ...
    def quality(self) -> dict[str, Any]: ...
    def snapshot(self) -> bytes: ...
    def restore(self, data: bytes) -> None: ...

@final
class BarBlock:
    def __len__(self) -> int: ...
    def __arrow_c_stream__(self, requested_schema: Any | None = None) -> Any: ...

@final
class BarCore:
    def __new__(cls, instrument: Instrument, rule: str, threshold: int) -> BarCore: ...
    def process(self, block: MarketBlock) -> BarBlock: ...
    def finish(self) -> BarBlock: ...
    @property
    def observed_ns(self) -> int | None: ...
    def snapshot(self) -> bytes: ...
    def restore(self, data: bytes) -> None: ...

@final
class MarketInspector:
    def __new__(
        cls, instrument: Instrument, *, clock_offset_ns: int = 0, unsynchronised: bool = False
    ) -> MarketInspector: ...
    def push(self, block: MarketBlock) -> None: ...
    @property
    def synced(self) -> bool: ...
    def report(self) -> dict[str, Any]: ...
    def carried(self, local_ns: int) -> MarketBlock: ...

@final
class CaptureStream:
    def __new__(
        cls, paths: Sequence[str], *, skip_bad_lines: bool = False, market: str | None = None
    ) -> CaptureStream: ...
    def calibrations(self) -> list[tuple[str, int, int | None]]: ...
    def calibration_span_ns(self) -> tuple[int, int]: ...
    def start(
        self, offset_ns: int, overrides: Sequence[tuple[int | None, int | None, int | None]]
    ) -> None: ...
    def bad_lines(self) -> tuple[int, list[str]]: ...
    def instruments(self) -> list[Instrument]: ...
    def counts(self) -> dict[str, Any]: ...
    def next_slice(self, end_ns: int, limit: int = 0) -> list[MarketBlock]: ...

def inspect_capture(
    paths: Sequence[str],
    progress: Callable[[int], None] | None = None,
    *,
    skip_bad_lines: bool = False,
    unsynchronised: bool = False,
    market: str | None = None,
) -> tuple[list[dict[str, Any]], str | None]: ...

class _Touches(TypedDict):
    instrument: str
    symbol: str
    price_scale: int
    size_scale: int
    clock_offset_ns: int
    touch_ns: _Int
    bid: _Int
    ask: _Int
    trade_ns: _Int
    trade_id: npt.NDArray[np.uint64]
    trade_price: _Int
    trade_size: _Int

class _LedgerRow(TypedDict):
    sequence: int
    local_ns: int
    kind: str
    client_id: str | None
    words: str
    trace: int | None
    symbol: int | None
    leg: str | None
    side: str | None
    order_type: str | None
    price: int | None
    trigger: int | None
    size: int | None
    reduce_only: bool | None
    status: str | None
    cumulative: int | None
    rejection: str | None
    evidence: str | None
    trade_id: int | None
    last_price: int | None
    last_size: int | None
    liquidity: str | None
    fee: int | None
    exchange_ns: int | None
    stop_distance: int | None
    deadline_ns: int | None
    amount: int | None

class _LedgerCondition(TypedDict):
    rows: int
    orders: int
    whole_until: int
    damage: str | None
    missing: list[tuple[int, int]]
    searched: int

def read_ledger(path: str) -> tuple[list[_LedgerRow], _LedgerCondition]: ...
def read_touches(
    paths: Sequence[str],
    *,
    skip_bad_lines: bool = False,
    unsynchronised: bool = False,
    market: str | None = None,
) -> tuple[list[_Touches], str | None]: ...

class _TouchQuotes(TypedDict):
    side: _Int
    price: _Int
    sent_ns: _Int
    accepted_ns: _Int
    filled_ns: _Int
    touch_ns: _Int
    bid: _Int
    ask: _Int
    end_ns: int
    price_scale: int

def quote_touch(
    instrument: Instrument,
    blocks: Sequence[MarketBlock],
    *,
    every_ns: int,
    rest_ns: int,
    start_ns: int,
    order_latency_ns: int,
    response_latency_ns: int,
    queue: str,
) -> _TouchQuotes: ...

@final
class FeatureFit:
    def __new__(
        cls,
        instrument: Instrument,
        *,
        imbalance_buckets: int = 9,
        spread_buckets: int = 2,
        sample_ns: int = 100_000_000,
    ) -> FeatureFit: ...
    def process(self, block: MarketBlock) -> None: ...
    def transitions(self) -> tuple[int, int]: ...
    def rows(self) -> int: ...
    def microprice(self, minimum_visits: int = 50) -> str: ...
    def integrated_ofi(self, minimum_rows: int = 100) -> tuple[str, float]: ...

def feature_catalogue() -> list[tuple[str, str, str, str]]: ...
def undefined_reasons() -> list[tuple[int, str]]: ...

@final
class LeadLagModel:
    def __new__(
        cls,
        *,
        sample_ns: int,
        window_ns: int,
        max_lag_ns: int,
        step_ns: int,
        min_changes: int,
        max_changes: int,
        significance: float,
        min_correlation: float,
        require_stable_peak: bool,
        forgetting: float,
        min_updates: int,
        logistic_rate: float,
        logistic_l2: float,
        standardiser_half_life: float,
        standardiser_warm_up: int,
        max_horizon_ns: int,
        kalman: tuple[float, float] | None = None,
        decay_half_life: float | None = None,
    ) -> LeadLagModel: ...
    def push_leader_quotes(self, local_ns: _Int, mids: _Float) -> None: ...
    def push_follower_quotes(self, local_ns: _Int, mids: _Float) -> None: ...
    def refit(self, now_ns: int) -> _Link: ...
    @property
    def link(self) -> _Link | None: ...
    def steps(
        self,
        local_ns: _Int,
        leader_mid: _Float,
        follower_mid: _Float,
        own: Sequence[_Float],
    ) -> dict[str, npt.NDArray[Any]]: ...
    def snapshot(self) -> bytes: ...
    def restore(self, data: bytes) -> None: ...

@final
class PageHinkley:
    def __new__(
        cls, *, delta: float, threshold: float, fading: float, minimum_observations: int, direction: str
    ) -> PageHinkley: ...
    def update(self, values: _Float) -> dict[str, npt.NDArray[Any]]: ...
    def reset(self) -> None: ...
    def snapshot(self) -> bytes: ...
    def restore(self, data: bytes) -> None: ...

@final
class Cusum:
    def __new__(cls, *, allowance: float, threshold: float) -> Cusum: ...
    def update(self, values: _Float) -> dict[str, npt.NDArray[Any]]: ...
    def reset(self) -> None: ...
    def snapshot(self) -> bytes: ...
    def restore(self, data: bytes) -> None: ...

@final
class LikelihoodRatio:
    def __new__(
        cls,
        *,
        of: str,
        mean: float,
        variance: float,
        window: int,
        minimum_segment: int,
        growth: float,
        threshold: float,
    ) -> LikelihoodRatio: ...
    def update(self, values: _Float) -> dict[str, npt.NDArray[Any]]: ...
    def reset(self) -> None: ...
    def snapshot(self) -> bytes: ...
    def restore(self, data: bytes) -> None: ...

@final
class BayesianChangePoint:
    def __new__(
        cls,
        *,
        expected_run: float,
        prior_mean: float,
        prior_mean_weight: float,
        prior_shape: float,
        prior_scale: float,
        runs: int,
        least_mass: float,
        recent: int,
        threshold: float,
    ) -> BayesianChangePoint: ...
    def update(self, values: _Float) -> dict[str, npt.NDArray[Any]]: ...
    def posterior(self) -> tuple[_Int, _Float]: ...
    @property
    def total_dropped(self) -> float: ...
    def reset(self) -> None: ...
    def snapshot(self) -> bytes: ...
    def restore(self, data: bytes) -> None: ...

@final
class HiddenMarkovFilter:
    def __new__(
        cls, start: _Float, transition: _Float, means: _Float, variances: _Float
    ) -> HiddenMarkovFilter: ...
    def update(self, observations: _Float) -> _Float: ...
    @property
    def probabilities(self) -> _Float: ...
    @property
    def log_likelihood(self) -> float: ...
    def reset(self) -> None: ...
    def snapshot(self) -> bytes: ...
    def restore(self, data: bytes) -> None: ...

class _HiddenMarkovFit(TypedDict):
    start: _Float
    transition: _Float
    means: _Float
    variances: _Float
    log_likelihoods: _Float
    converged: bool

def fit_hidden_markov(
    observations: _Float,
    *,
    states: int,
    iterations: int,
    tolerance: float,
    variance_share: float,
    initial: tuple[_Float, _Float, _Float, _Float] | None = None,
) -> _HiddenMarkovFit: ...
def hidden_markov_filter(
    start: _Float, transition: _Float, log_densities: _Float
) -> tuple[_Float, float]: ...
def hidden_markov_path(start: _Float, transition: _Float, log_densities: _Float) -> tuple[_Int, float]: ...
def readiness_names() -> list[tuple[int, str]]: ...
def hayashi_yoshida_curve(
    tx: _Int, x: _Float, ty: _Int, y: _Float, lags_ns: _Int
) -> tuple[_Float, _Float]: ...
def cross_columns(
    x_ns: _Int,
    x_mid: _Float,
    y_ns: _Int,
    y_mid: _Float,
    grid_ns: _Int,
    *,
    bucket_ns: int,
    buckets: int,
    process_variance: float,
    observation_variance: float,
) -> dict[str, _Float]: ...
def recursive_least_squares(
    x: _Float, y: _Float, forgetting: float, initial_covariance: float, maximum_covariance: float
) -> _Float: ...
def platt_fit(
    scores: _Float, labels: npt.NDArray[np.bool_], smoothed: bool = True
) -> tuple[float, float]: ...
def platt_probability(a: float, b: float, scores: _Float) -> _Float: ...
def reason_codes() -> list[tuple[str, str]]: ...

@final
class ExitPlan:
    def __new__(
        cls,
        *,
        targets: Sequence[tuple[int, int]] = ...,
        true_range: int = 0,
        break_even: str | None = None,
        break_even_multiple_e4: int = 10_000,
        entry_fee_e8: int = 0,
        exit_fee_e8: int = 0,
        slippage: int = 0,
        funding: int = 0,
        trail_arm_risk_e4: int | None = None,
        trail_distance_range_e4: int = 20_000,
        trail_step_range_e4: int = 5_000,
        trail_cap_e4: int | None = None,
        trail_interval_ns: int = 1_000_000_000,
    ) -> ExitPlan: ...

@final
class Schedule:
    def __new__(
        cls,
        pace: str,
        *,
        slices: int,
        over_ns: int,
        child_min: int,
        child_max: int,
        rate_e4: int = 0,
        display: int = 0,
        start_ns: int = 0,
        curve: Sequence[int] | None = None,
    ) -> Schedule: ...

def choose_schedule(
    instrument: Instrument,
    *,
    persistence_e4: int,
    size: int,
    average_volume: int | None,
    bid: int,
    ask: int,
    has_curve: bool,
    min_persistence_e4: int = 7_000,
    volume_share_e4: int = 1_000,
    notional: int = 5_000_000_000_000,
    spread_e4: int = 5,
) -> str: ...
def venue_scores(venues: Sequence[tuple[float, float, float, float, float]]) -> list[float] | None: ...
def best_venue(venues: Sequence[tuple[float, float, float, float, float]]) -> tuple[int, float] | None: ...
def volume_curve(days: Sequence[Sequence[int]]) -> list[int]: ...

@final
class DeskCore:
    def __new__(
        cls,
        instruments: Sequence[Instrument],
        *,
        start_cash: int,
        order_latency_ns: int,
        response_latency_ns: int,
        maker_fee_e8: int,
        taker_fee_e8: int,
        entry_ttl_ns: int,
        latency_budget_ns: int,
        max_symbol_notional: int,
        max_gross_notional: int,
        max_day_loss: int,
        maker_first: tuple[int, int, int, int] | None = None,
        leverage: int | None = None,
        conduct: dict[str, Any] | None = None,
    ) -> DeskCore: ...
    def add(self, instrument: int, block: MarketBlock, features: FeatureBlock) -> None: ...
    def advance(self, until_ns: int) -> None: ...
    def propose(
        self,
        *,
        trace: int,
        instrument: int,
        local_ns: int,
        side: int,
        size: int,
        route: str,
        bid: int,
        ask: int,
        stop_distance: int,
        deadline_ns: int,
        limit: int,
        take_within: int | None = None,
        volatility: int | None = None,
        depth: int | None = None,
        exits: ExitPlan | None = None,
        schedule: Schedule | None = None,
    ) -> tuple[str, str | None, int | None, int, list[str]]: ...
    def average_volume(self, instrument: int, span_ns: int) -> int | None: ...
    def kill(self) -> None: ...
    def resume(self) -> None: ...
    def close(self, instrument: int) -> None: ...
    def restrict(
        self, instrument: int, *, entering: str | None = None, taking: str | None = None
    ) -> None: ...
    def account(self) -> _Account: ...
    def drain(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[bytes]]: ...
    def snapshot(self) -> bytes: ...
    def restore(self, data: bytes) -> None: ...

@final
class DurableLedger:
    def __new__(cls, path: str) -> DurableLedger: ...
    def append_batch(self, rows: Sequence[bytes]) -> None: ...
    def verify(self) -> int: ...
    def rows(self) -> list[tuple[int, int, str, str]]: ...
