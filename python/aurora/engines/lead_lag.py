"""Lead-lag: a leader's move foretells the followers' by a lag and a beta, both learnt online.

The lag comes from Hayashi-Yoshida correlation of tick-by-tick mid changes, beta from recursive least squares of the
follower's return over the next lag on the leader's over the last, the score from an online logistic regression
on the prediction and the follower's own book (OBI, OFI, TFI, weighted mid). No significant link, no vote.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from aurora._core import LeadLagModel, readiness_names
from aurora.engines.port import EngineInput
from aurora.messages import FloatColumn, Votes

_READINESS: dict[int, str] = dict(readiness_names())


class LeadLagSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    leaders: tuple[str, ...] = Field(
        ("SOLUSDT", "BTCUSDT", "BTCUSD_PERP"),
        description="Symbols or instrument keys, best first; the first present leads",
    )
    refit_s: float = Field(
        10.0, ge=0.001, le=86_400, description="Lag, beta horizon and calibration are renewed this often"
    )
    window_s: float = Field(300.0, gt=0, le=604_800, description="Quotes that the lag is estimated on")
    max_lag_ms: int = Field(1000, gt=0, le=3_600_000)
    lag_step_ms: int = Field(10, gt=0, le=3_600_000)
    min_changes: int = Field(200, ge=10, le=1_000_000, description="Mid changes each series needs")
    max_changes: int = Field(20_000, ge=10, le=1_000_000)
    significance: float = Field(6.0, gt=0, description="Peak correlation over its noise")
    min_correlation: float = Field(0.05, ge=0, le=1)
    require_stable_peak: bool = Field(True, description="Each half of the window must show the same lag")
    forgetting: float = Field(0.999, gt=0, le=1)
    min_updates: int = Field(50, ge=1, le=1_000_000)
    min_beta_t: float = Field(3.0, ge=0, description="t-statistic of beta below which the engine abstains")
    logistic_rate: float = Field(0.01, gt=0)
    logistic_l2: float = Field(1e-4, ge=0)
    standardiser_half_life: float = Field(2000.0, gt=0, description="Samples")
    standardiser_warm_up: int = Field(100, ge=1, le=1_000_000, description="Samples")
    min_edge_bps: float = Field(0.5, ge=0, description="Smaller predicted moves are no vote")


class LeadLagEngine:
    """One leader, every other instrument a follower; see :class:`aurora.engines.Engine`.

    Args:
        instruments: keys of the universe, e.g. ``binance_usdm:ETHUSDT``.
        sample_ns: distance of feature rows.
    """

    name = "lead_lag"

    def __init__(self, settings: LeadLagSettings, instruments: Sequence[str], sample_ns: int):
        self.settings = settings
        self.refit_ns = round(settings.refit_s * 1e9)
        self.leader = self._choose_leader(instruments)
        followers = [key for key in sorted(instruments) if key != self.leader] if self.leader else []
        max_lag_ns = settings.max_lag_ms * 1_000_000
        self._models = {
            key: LeadLagModel(
                sample_ns=sample_ns,
                window_ns=round(settings.window_s * 1e9),
                max_lag_ns=max_lag_ns,
                step_ns=settings.lag_step_ms * 1_000_000,
                min_changes=settings.min_changes,
                max_changes=settings.max_changes,
                significance=settings.significance,
                min_correlation=settings.min_correlation,
                require_stable_peak=settings.require_stable_peak,
                forgetting=settings.forgetting,
                min_updates=settings.min_updates,
                logistic_rate=settings.logistic_rate,
                logistic_l2=settings.logistic_l2,
                standardiser_half_life=settings.standardiser_half_life,
                standardiser_warm_up=settings.standardiser_warm_up,
                max_horizon_ns=max_lag_ns + sample_ns,
            )
            for key in followers
        }

    def _choose_leader(self, instruments: Sequence[str]) -> str | None:
        for name in self.settings.leaders:
            for key in sorted(instruments, key=_preference):
                if name in (key, key.partition(":")[2]):
                    return key
        return None

    def vote(self, inputs: Mapping[str, EngineInput]) -> list[Votes]:
        if self.leader is None:
            return [
                _no_votes(self.name, key, {"no_leader": len(rows.local_ns)})
                for key, rows in sorted(inputs.items())
            ]
        leader = inputs.get(self.leader)
        if not self._models and leader is not None:
            return [_no_votes(self.name, self.leader, {"no_follower": len(leader.local_ns)})]
        answers = []
        for key, model in self._models.items():
            rows = inputs.get(key)
            if leader is not None and len(leader.quote_ns):
                model.push_leader_quotes(leader.quote_ns, leader.quote_mid)
            if rows is None:
                continue
            if len(rows.quote_ns):
                model.push_follower_quotes(rows.quote_ns, rows.quote_mid)
            if len(rows.local_ns):
                answers.append(self._vote_one(key, model, leader, rows))
        return answers

    def _vote_one(
        self, key: str, model: LeadLagModel, leader: EngineInput | None, rows: EngineInput
    ) -> Votes:
        columns = rows.columns
        leader_mid = np.full(len(rows.local_ns), np.nan)
        if leader is not None and len(leader.local_ns):
            at = np.minimum(np.searchsorted(leader.local_ns, rows.local_ns), len(leader.local_ns) - 1)
            same = leader.local_ns[at] == rows.local_ns
            leader_mid[same] = leader.columns["mid"][at[same]]
        mid = columns["mid"]
        displacement: FloatColumn = (columns["weighted_mid"] - mid) / mid * 1e4
        own = (columns["obi_1"], columns["ofi"], columns["tfi"], displacement)
        sample = model.steps(rows.local_ns, leader_mid, mid, own)
        settings = self.settings
        predicted, score = sample["predicted_bps"], sample["score"]
        ready = sample["ready"]
        with np.errstate(invalid="ignore"):
            sure = ready & (np.abs(sample["beta_t"]) >= settings.min_beta_t)
            large = sure & (np.abs(predicted) >= settings.min_edge_bps)
            agrees = large & (np.sign(predicted) == np.sign(score))
        reasons, counts = np.unique(sample["reason"][~ready], return_counts=True)
        abstained = {_READINESS[int(r)]: int(n) for r, n in zip(reasons, counts, strict=True)}
        for name, count in (
            ("beta_insignificant", int(np.sum(ready & ~sure))),
            ("edge_below_minimum", int(np.sum(sure & ~large))),
            ("score_disagrees", int(np.sum(large & ~agrees))),
        ):
            if count:
                abstained[name] = count
        row = np.flatnonzero(agrees)
        return Votes(
            engine=self.name,
            instrument=key,
            row=row,
            local_ns=rows.local_ns[row],
            side=np.sign(predicted[row]).astype(np.int8),
            score=score[row],
            edge_bps=np.abs(predicted[row]),
            horizon_ns=sample["horizon_ns"][row],
            abstained=abstained,
        )

    def refit(self, now_ns: int) -> None:
        for model in self._models.values():
            # A quote at the very instant may lie in the next block: it is not part of this fit.
            model.refit(now_ns - 1)

    def findings(self) -> dict[str, Any]:
        return {"leader": self.leader, "links": {key: model.link for key, model in self._models.items()}}

    def snapshot(self) -> bytes:
        return json.dumps({key: model.snapshot().hex() for key, model in self._models.items()}).encode()

    def restore(self, state: bytes) -> None:
        for key, part in json.loads(state).items():
            self._models[key].restore(bytes.fromhex(part))


_MARKETS = ("binance_usdm", "binance_coinm", "binance_spot")
"""Where one symbol trades in several markets, the earlier one leads: perpetuals move before spot."""


def _preference(key: str) -> tuple[int, str]:
    market = key.partition(":")[0]
    return (_MARKETS.index(market) if market in _MARKETS else len(_MARKETS), key)


def _no_votes(engine: str, instrument: str, abstained: dict[str, int]) -> Votes:
    none, nothing = np.empty(0, np.int64), np.empty(0, np.float64)
    return Votes(engine, instrument, none, none, none.astype(np.int8), nothing, nothing, none, abstained)
