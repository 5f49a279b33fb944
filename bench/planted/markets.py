"""One market of the score: made, traded, traded again by an oracle, and what is left of it as plain numbers."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from aurora.config import Settings, engine_factories, load_settings
from aurora.engines import EngineInput
from aurora.journal import Journal
from aurora.messages import Votes
from aurora.signal import Thinning
from aurora.stages import ReplayPlan, run_inline
from aurora.testing import lead_lag_market, make_market

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "config" / "seconds.yaml"
"""The limits that both the brain and the oracle trade under."""
MINUTES = 10.0
MULTIPLES = (1.5, 3.0)
VERSION = 2
"""Of what a row says; rows of another are drawn again."""


class OracleEngine:
    """Knows plants and latent prices up to now, and votes the move that it expects over the lag of the link."""

    name = "oracle"
    refit_ns = 0

    def __init__(self, market: Any, instruments: Sequence[str], min_edge_bps: float):
        self._oracle = market.oracle
        self._least = min_edge_bps
        lags = {link["follower"]: link["lag_ms"] for link in market.truth["links"] if link["lag_ms"]}
        self._horizons = {key: lags.get(key.partition(":")[2], 0) * 1_000_000 for key in instruments}

    def vote(self, inputs: Mapping[str, EngineInput]) -> list[Votes]:
        answers = []
        for key, rows in sorted(inputs.items()):
            horizon = self._horizons[key]
            if not horizon or not len(rows.local_ns):
                continue
            expected = self._oracle.expected_bps(key.partition(":")[2], rows.local_ns, horizon)
            row = np.flatnonzero((np.abs(expected) >= self._least) & ~np.isnan(rows.columns["mid"]))
            side = np.sign(expected[row]).astype(np.int8)
            # Due at a sampled time, as for everyone.
            ahead = np.full(len(row), -(-horizon // 50_000_000) * 50_000_000, np.int64)
            answers.append(
                Votes(
                    self.name,
                    key,
                    row,
                    rows.local_ns[row],
                    side,
                    10.0 * side.astype(np.float64),
                    np.abs(expected[row]),
                    ahead,
                    {},
                )
            )
        return answers

    def refit(self, now_ns: int) -> None:
        pass

    def findings(self) -> dict[str, Any]:
        return {}

    def snapshot(self) -> bytes:
        return b""

    def restore(self, state: bytes) -> None:
        pass


def oracle_settings(settings: Settings) -> Settings:
    """The same limits and costs; what is known needs no calibration and no consensus."""
    told = {
        "require_calibration": False,
        "require_consensus": False,
        "min_outcomes": 10**9,
        "max_outcomes": 10**9,
    }
    return settings.model_copy(update={"signal": settings.signal.model_copy(update=told)})


def trade(market: Any, settings: Settings, engines: Sequence[Any], seed: int, out: Path) -> Journal:
    """Replays a market from memory."""
    plan = ReplayPlan(
        market.source(settings.capture),
        features=settings.features,
        engines=engines,
        signal=settings.signal,
        costs=settings.costs,
        policy=settings.policy,
        desk=settings.desk,
        regime=settings.regime,
        seed=seed,
        out=out,
        run={"run_id": f"planted-{seed}"},
        overwrite=True,
    )
    run_inline(plan)
    return Journal.open(out)


def score_market(seed: int, *, linked: bool, settings: Settings | None = None) -> dict[str, Any]:
    """One ten-minute market, as a row of plain numbers."""
    settings = settings or load_settings(CONFIG)
    market = make_market(lead_lag_market(seed, duration_s=60 * MINUTES, multiples=MULTIPLES, linked=linked))
    with tempfile.TemporaryDirectory(prefix="aurora-planted-") as folder:
        out = Path(folder)
        journal = trade(market, settings, engine_factories(settings.engines), seed, out / "brain")
        row = _found(journal, market.truth, settings.features.sample_ms)
        row |= {"version": VERSION, "seed": seed, "linked": linked, **_earned(journal, settings)}
        row["p"], row["traded_p"] = forecasts(journal)
        if linked:
            least = settings.engines.lead_lag.min_edge_bps if settings.engines.lead_lag else 0.5
            oracle = trade(
                market,
                oracle_settings(settings),
                [lambda keys, _: OracleEngine(market, keys, least)],
                seed,
                out / "oracle",
            )
            row["oracle"] = _earned(oracle, settings)
    return row


def _found(journal: Journal, truth: Mapping[str, Any], step_ms: int) -> dict[str, Any]:
    summary = journal.summary
    assert summary is not None
    links = {key.partition(":")[2]: link for key, link in summary["findings"]["lead_lag"]["links"].items()}
    planted = {link["follower"]: link for link in truth["links"] if link["lag_ms"]}
    followers = []
    for symbol, link in sorted(planted.items()):
        found = links[symbol]
        lag_ms = found["lag_ns"] / 1e6 if found["significant"] else None
        followers.append(
            {
                "symbol": symbol,
                "multiple": round(link["edge_over_cost"], 1),
                "lag_ms": link["lag_ms"],
                "found_ms": lag_ms,
                "right": lag_ms is not None and abs(lag_ms - link["lag_ms"]) <= step_ms,
                "verdict": found["verdict"],
            }
        )
    controls = {s: bool(link["significant"]) for s, link in sorted(links.items()) if s not in planted}
    return {"followers": followers, "controls": controls}


def _earned(journal: Journal, settings: Settings) -> dict[str, Any]:
    summary = journal.summary
    assert summary is not None
    trades = (
        journal.fills()
        .collect()
        .group_by("trace", maintain_order=True)
        .agg(
            (-pl.col("side") * pl.col("price").cast(pl.Float64) * pl.col("size").cast(pl.Float64))
            .sum()
            .alias("cash"),
            (pl.col("side") * pl.col("size").cast(pl.Float64)).sum().alias("left"),
            pl.col("fee").cast(pl.Float64).sum(),
            (pl.col("price").cast(pl.Float64) * pl.col("size").cast(pl.Float64)).sum().alias("notional"),
        )
    )
    net = ((trades["cash"] - trades["fee"]) / trades["notional"] * 2e4).to_list()
    return {
        "net": summary["pnl"]["net"],
        "fees": summary["pnl"]["fees"],
        "trades": [round(value, 4) for value in net],
        "first_s": _first_trade_s(journal),
        "reasons": summary["reasons"],
        "trips": summary["breakers"]["trips"],
        "position": float(settings.desk.start_cash * settings.policy.position_pct / 100),
    }


def _first_trade_s(journal: Journal) -> float | None:
    """Seconds from the first mark of the account to the first fill."""
    fill, mark = (
        frame.select(pl.col("local_ns").min()).collect().item()
        for frame in (journal.fills(), journal.equity())
    )
    return None if fill is None else round((fill - mark) / 1e9, 1)


def forecasts(journal: Journal) -> tuple[list[tuple[float, int]], list[tuple[float, int]]]:
    """(p, right) in order of time, of signals that count (:class:`aurora.signal.Thinning`) and of those traded.

    Forecasts within one horizon share their outcome: counted each, they would pass for more evidence than they are.
    """
    decisions = journal.decisions().filter(pl.col("p").is_not_null()).collect()
    outcomes = journal.outcomes().select("trace", "engine", "return_bps").collect()
    rows = (
        decisions.select("trace", "engine", "instrument", "local_ns", "horizon_ns", "side", "p", "reason")
        .join(outcomes, on=["trace", "engine"], how="left")
        .sort("local_ns", "instrument")
    )
    thinning: dict[str, Thinning] = {}
    kept, traded = [], []
    for row in rows.iter_rows(named=True):
        due_ns = row["local_ns"] + row["horizon_ns"]
        counts, _ = thinning.setdefault(row["instrument"], Thinning()).take(row["local_ns"], due_ns)
        if row["return_bps"] is None:
            continue
        pair = (round(row["p"], 6), int(row["side"] * row["return_bps"] > 0))
        if counts:
            kept.append(pair)
        if row["reason"].startswith("trade."):
            traded.append(pair)
    return kept, traded


def stored(path: Path) -> dict[tuple[int, bool], dict[str, Any]]:
    """Rows of an earlier, perhaps unfinished, run."""
    if not path.exists():
        return {}
    rows = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    return {(row["seed"], row["linked"]): row for row in rows if row.get("version") == VERSION}
