"""The same questions asked of real captures: lag and beta with intervals, calibration and edge after costs."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from aurora.capture import CaptureSet
from aurora.config import Settings, engine_factories
from aurora.features import compute, lead_lag
from aurora.journal import Journal
from aurora.signal import Thinning, expected_calibration_error, null_calibration_error, wilson_interval
from aurora.stages import ReplayPlan, run_inline
from bench.planted.markets import forecasts

DAY = "20240808"
PAIRS = (
    ("usdm BTC", "usdm ETH", 90),
    ("usdm BTC", "spot BTC", 120),
    ("usdm BTC", "cm BTC", 110),
    ("usdm ETH", "spot ETH", 40),
)
"""Leader, follower, and the lag in ms that PROVENANCE.md tells."""
FILES = {
    "usdm BTC": ("usdm/btcusdt", "binance_usdm:BTCUSDT"),
    "usdm ETH": ("usdm/ethusdt", "binance_usdm:ETHUSDT"),
    "spot BTC": ("spot/btcusdt", "binance_spot:BTCUSDT"),
    "spot ETH": ("spot/ethusdt", "binance_spot:ETHUSDT"),
    "cm BTC": ("cm/btcusd_perp", "binance_coinm:BTCUSD_PERP"),
}
SEGMENTS = 16
DRAWS = 2_000
LOOSE = {"significance": 1.0, "require_stable_peak": False, "min_beta_t": 0.0, "min_edge_bps": 0.05}
"""Lead-lag without its doubts, so that there are votes to be judged."""


@dataclass(frozen=True, slots=True)
class Pair:
    leader: str
    follower: str
    told_ms: int
    lag_ms: float
    lag_interval: tuple[float, float]
    beta: float
    beta_interval: tuple[float, float]
    correlation: float
    changes: int


@dataclass(frozen=True, slots=True)
class Votes:
    """What votes on a real capture were worth."""

    config: str
    signals: int
    counted: int
    right: tuple[float, float, float] | None
    """Share of right votes with its 95 % Wilson interval."""
    ece: float | None
    ece_null: float | None
    forecasts: int
    gross_bps: float | None
    """Mean move towards the vote at its horizon."""
    after_costs_bps: float | None
    error_bps: float | None
    """Standard error of both, of the votes that count."""
    traded: int
    net: float


def real_table(folder: Path) -> tuple[list[Pair], list[Votes]]:
    """Both tables, from the captures of the first six minutes."""
    paths = {name: folder / "hftbacktest" / f"{file}_{DAY}.gz" for name, (file, _) in FILES.items()}
    frame = compute(list(paths.values()), ["mid"], "touch")
    mids = {name: frame.filter(pl.col("instrument") == key) for name, (_, key) in FILES.items()}
    pairs = [_pair(leader, follower, told, mids) for leader, follower, told in PAIRS]
    perpetuals = [paths["usdm BTC"], paths["usdm ETH"]]
    return pairs, [
        _votes("default", {}, perpetuals),
        _votes("no doubts of links", {"engines": {"lead_lag": LOOSE}}, perpetuals),
    ]


def _pair(leader: str, follower: str, told_ms: int, mids: dict[str, pl.DataFrame]) -> Pair:
    """Lag at the peak of the Hayashi-Yoshida curve and beta there; intervals resample segments of time, over which
    covariances add up."""
    ahead, behind = mids[leader], mids[follower]
    begin = max(frame["local_ns"].min() for frame in (ahead, behind))  # type: ignore[type-var]
    end = min(frame["local_ns"].max() for frame in (ahead, behind))  # type: ignore[type-var]
    edges = np.linspace(begin, end, SEGMENTS + 1).astype(np.int64).tolist()  # type: ignore[arg-type]
    curves, variances, scales, changes = [], [], [], 0
    lags: np.ndarray[Any, Any] | None = None
    for start, stop in pairwise(edges):
        x, y = (frame.filter(pl.col("local_ns").is_between(start, stop)) for frame in (ahead, behind))
        curve = lead_lag(x, y)
        lags = curve["lag_ns"].to_numpy() / 1e6
        curves.append(curve["covariance"].fill_null(0.0).to_numpy())
        variances.append(_variation(x))
        scales.append(_variation(y))
        changes += len(y)
    assert lags is not None
    covariance, own, other = np.array(curves), np.array(variances), np.array(scales)
    draw = np.random.default_rng(0).integers(0, SEGMENTS, (DRAWS, SEGMENTS))
    drawn = covariance[draw].sum(axis=1)
    tops = np.abs(drawn).argmax(axis=1)
    betas = drawn[np.arange(DRAWS), tops] / own[draw].sum(axis=1)
    whole = covariance.sum(axis=0)
    top = int(np.abs(whole).argmax())
    low, high = np.quantile(lags[tops], (0.025, 0.975))
    beta_low, beta_high = np.quantile(betas, (0.025, 0.975))
    return Pair(
        leader,
        follower,
        told_ms,
        float(lags[top]),
        (float(low), float(high)),
        float(whole[top] / own.sum()),
        (float(beta_low), float(beta_high)),
        float(whole[top] / math.sqrt(own.sum() * other.sum())),
        changes,
    )


def _variation(frame: pl.DataFrame) -> float:
    mid = np.log(frame["mid"].drop_nulls().to_numpy())
    return float((np.diff(mid) ** 2).sum())


def _votes(name: str, told: dict[str, Any], paths: Sequence[Path]) -> Votes:
    settings = Settings.model_validate(told)
    captures = CaptureSet(list(paths), settings.capture)
    with tempfile.TemporaryDirectory(prefix="aurora-real-") as folder:
        plan = ReplayPlan(
            captures,
            features=settings.features,
            engines=engine_factories(settings.engines),
            signal=settings.signal,
            costs=settings.costs,
            policy=settings.policy,
            desk=settings.desk,
            regime=settings.regime,
            seed=0,
            out=Path(folder),
            run={"run_id": "real"},
            overwrite=True,
        )
        run_inline(plan)
        return _judged(name, Journal.open(Path(folder)), 2.0 * settings.costs.taker_fee_bps)


def _judged(name: str, journal: Journal, fees_bps: float) -> Votes:
    summary = journal.summary
    assert summary is not None
    rows = (
        journal.decisions()
        .collect()
        .join(
            journal.outcomes().select("trace", "engine", "return_bps", "due_ns").collect(),
            on=["trace", "engine"],
        )
        .filter(pl.col("return_bps").is_not_null())
        .sort("local_ns", "instrument")
    )
    thinning: dict[str, Thinning] = {}
    moves, costs = [], []
    for row in rows.iter_rows(named=True):
        counts, _ = thinning.setdefault(row["instrument"], Thinning()).take(row["local_ns"], row["due_ns"])
        if counts:
            moves.append(row["side"] * row["return_bps"])
            bid, ask = float(row["bid"]), float(row["ask"])
            costs.append(fees_bps + (ask - bid) / (ask + bid) * 2e4)
    pairs, _ = forecasts(journal)
    p, right = np.array([one[0] for one in pairs]), np.array([one[1] for one in pairs], np.bool_)
    null = null_calibration_error(p, 15, "equal_width", level=0.95, draws=1000, seed=0) if pairs else None
    hits = sum(move > 0 for move in moves)
    share = wilson_interval(hits, len(moves), 0.95) if moves else None
    net = np.array(moves) - np.array(costs)
    return Votes(
        name,
        summary["signals"],
        len(moves),
        None if share is None else (hits / len(moves), share.low, share.high),
        expected_calibration_error(p, right, 15, "equal_width") if pairs else None,
        None if null is None else null.quantile,
        len(pairs),
        float(np.mean(moves)) if moves else None,
        float(net.mean()) if moves else None,
        float(net.std(ddof=1) / math.sqrt(len(net))) if len(net) > 1 else None,
        sum(count for reason, count in summary["reasons"].items() if reason.startswith("trade.")),
        summary["pnl"]["net"],
    )
