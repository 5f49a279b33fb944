"""Lead-lag: a leader's move foretells the followers' by a lag and a beta, both learnt online.

The lag comes from Hayashi-Yoshida correlation of tick-by-tick mid changes, beta from recursive least squares (or a
Kalman filter) of the follower's return over the next lag on the leader's over the last, the score from an online
logistic regression on the prediction and the follower's own book (OBI, OFI, TFI, weighted mid). No significant link,
no vote. Optional: several leaders, a decay of the leader's older steps, a record on time folds that were not fitted on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from aurora._core import LeadLagModel, readiness_names
from aurora.engines.folds import FoldRecord
from aurora.engines.port import EngineInput
from aurora.errors import ConfigError
from aurora.messages import FloatColumn, IntColumn, Votes

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
    significance: float = Field(4.5, gt=0, description="Peak correlation over its noise")
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
    leader_count: int = Field(
        1,
        ge=1,
        le=16,
        description="How many of the leaders present are used; each follower heeds its clearest",
    )
    beta: Literal["least_squares", "kalman"] = Field(
        "least_squares", description="Least squares with forgetting, or a random walk and a Kalman filter"
    )
    kalman_process_variance: float = Field(
        1e-6, ge=0, le=1, description="Variance that beta gains per leader return other than 0"
    )
    kalman_observation_variance: float = Field(
        1.0,
        gt=0,
        description="Variance of the follower about its prediction, bps²; the t-statistic rescales it",
    )
    own_features: tuple[str, ...] = Field(
        ("obi_1", "ofi", "tfi", "weighted_mid"),
        max_length=4,
        description="Features of the follower itself in the score; prices count as their distance from the mid",
    )
    decay_half_life_ms: float | None = Field(
        None, gt=0, description="Age at which a step of the leader has lost half its weight; null: none does"
    )
    folds: int = Field(
        0,
        ge=0,
        le=10_000,
        description="Time folds (refit to refit) out of sample that a link must have; 0: none",
    )
    min_fold_skill: float = Field(
        0.0, ge=-1, lt=1, description="Share of squared returns foretold on them that it must exceed"
    )


class LeadLagEngine:
    """Leaders and the instruments that follow them; see :class:`aurora.engines.Engine`.

    With one leader every other instrument follows it. With several each instrument has a model per leader other than
    itself, all of them learn, and it votes by the one whose link was the clearest at the last refit (correlation over
    noise; of equals the leader that stands first).

    Args:
        instruments: keys of the universe, e.g. ``binance_usdm:ETHUSDT``.
        sample_ns: distance of feature rows.
    """

    name: ClassVar[str] = "lead_lag"
    Settings = LeadLagSettings

    def __init__(self, settings: LeadLagSettings, instruments: Sequence[str], sample_ns: int):
        self.settings = settings
        self.refit_ns = round(settings.refit_s * 1e9)
        self.leaders = self._choose_leaders(instruments)
        self._models: dict[str, dict[str, LeadLagModel]] = {}
        self._records: dict[str, dict[str, FoldRecord]] = {}
        for key in sorted(instruments):
            leaders = [leader for leader in self.leaders if leader != key]
            if leaders:
                self._models[key] = {leader: self._model(sample_ns) for leader in leaders}
                self._records[key] = (
                    {leader: FoldRecord(settings.folds) for leader in leaders} if settings.folds else {}
                )

    @property
    def leader(self) -> str | None:
        """The first of the leaders."""
        return self.leaders[0] if self.leaders else None

    def _model(self, sample_ns: int) -> LeadLagModel:
        settings = self.settings
        max_lag_ns = settings.max_lag_ms * 1_000_000
        kalman = (settings.kalman_process_variance, settings.kalman_observation_variance)
        half_life_ms = settings.decay_half_life_ms
        return LeadLagModel(
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
            kalman=kalman if settings.beta == "kalman" else None,
            decay_half_life=None if half_life_ms is None else half_life_ms * 1e6 / sample_ns,
        )

    def _choose_leaders(self, instruments: Sequence[str]) -> tuple[str, ...]:
        found: list[str] = []
        for name in self.settings.leaders:
            for key in sorted(instruments, key=_preference):
                if name in (key, key.partition(":")[2]) and key not in found:
                    found.append(key)
        return tuple(found[: self.settings.leader_count])

    def vote(self, inputs: Mapping[str, EngineInput]) -> list[Votes]:
        if self.leader is None:
            return [
                _no_votes(self.name, key, {"no_leader": len(rows.local_ns)})
                for key, rows in sorted(inputs.items())
            ]
        if not self._models and (alone := inputs.get(self.leader)) is not None:
            return [_no_votes(self.name, self.leader, {"no_follower": len(alone.local_ns)})]
        answers = []
        for key, models in self._models.items():
            rows = inputs.get(key)
            for leader, model in models.items():
                ahead = inputs.get(leader)
                if ahead is not None and len(ahead.quote_ns):
                    model.push_leader_quotes(ahead.quote_ns, ahead.quote_mid)
                if rows is not None and len(rows.quote_ns):
                    model.push_follower_quotes(rows.quote_ns, rows.quote_mid)
            if rows is not None and len(rows.local_ns):
                answers.append(self._vote_one(key, inputs, rows))
        return answers

    def _vote_one(self, key: str, inputs: Mapping[str, EngineInput], rows: EngineInput) -> Votes:
        own = self._own_features(rows)
        best = self._best(key)
        mid = rows.columns["mid"]
        for leader, model in self._models[key].items():
            sample = model.steps(rows.local_ns, _mid_at(inputs.get(leader), rows.local_ns), mid, own)
            if self.settings.folds:
                due_ns = rows.local_ns + sample["horizon_ns"]
                made = np.isfinite(sample["predicted_bps"]) & np.isfinite(mid) & (sample["horizon_ns"] > 0)
                self._records[key][leader].take(rows.local_ns, mid, sample["predicted_bps"], due_ns, made)
            if leader == best:
                chosen = sample
        return self._judge(key, best, rows, chosen)

    def _own_features(self, rows: EngineInput) -> list[FloatColumn]:
        mid = rows.columns["mid"]
        own: list[FloatColumn] = []
        for name in self.settings.own_features:
            if name not in rows.columns:
                raise ConfigError(
                    f"engines.lead_lag.own_features: no feature {name!r} here; there are {', '.join(rows.columns)}"
                )
            column = rows.columns[name]
            own.append((column - mid) / mid * 1e4 if name in _PRICES else column)
        missing = np.full(len(rows.local_ns), np.nan)
        return own + [missing] * (_OWN_FEATURES - len(own))

    def _best(self, key: str) -> str:
        """The leader whose link is the clearest."""
        if len(self._models[key]) == 1:
            return next(iter(self._models[key]))
        clearest, best = -1.0, ""
        for leader, model in self._models[key].items():
            link = model.link
            clear = 0.0
            if link is not None and link["significant"] and link["noise"]:
                clear = abs(link["correlation"] or 0.0) / link["noise"]
            if clear > clearest:
                clearest, best = clear, leader
        return best

    def _judge(self, key: str, leader: str, rows: EngineInput, sample: Mapping[str, Any]) -> Votes:
        settings = self.settings
        predicted, score = sample["predicted_bps"], sample["score"]
        ready = sample["ready"]
        with np.errstate(invalid="ignore"):
            sure = ready & (np.abs(sample["beta_t"]) >= settings.min_beta_t)
            large = sure & (np.abs(predicted) >= settings.min_edge_bps)
            agrees = large & (np.sign(predicted) == np.sign(score))
        counts = np.bincount(sample["reason"][~ready]).tolist()
        abstained = {_READINESS[reason]: count for reason, count in enumerate(counts) if count}
        # Each is a part of the one before it.
        left = [int(np.count_nonzero(part)) for part in (ready, sure, large, agrees)]
        for n, name in enumerate(("beta_insignificant", "edge_below_minimum", "score_disagrees")):
            if left[n] > left[n + 1]:
                abstained[name] = left[n] - left[n + 1]
        row = np.flatnonzero(agrees)
        reliability = None
        if settings.folds:
            skill = self._records[key][leader].skill
            why = "folds_too_few" if skill is None else "fold_skill_too_low"
            if skill is None or skill <= settings.min_fold_skill:
                if len(row):
                    abstained[why] = len(row)
                row = row[:0]
            reliability = np.full(len(row), min(max(skill or 0.0, 0.0), 1.0))
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
            reason="the leader has moved and the follower has not yet",
            reliability=reliability,
        )

    def refit(self, now_ns: int) -> None:
        for key, models in self._models.items():
            for leader, model in models.items():
                # A quote at the very instant may lie in the next block: it is not part of this fit.
                model.refit(now_ns - 1)
                if self.settings.folds:
                    self._records[key][leader].close()

    def findings(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "leader": self.leader,
            "links": {key: models[self._best(key)].link for key, models in self._models.items()},
        }
        if len(self.leaders) > 1:
            found["leaders"] = {
                key: {leader: model.link for leader, model in models.items()}
                for key, models in self._models.items()
            }
            found["led_by"] = {key: self._best(key) for key in self._models}
        if self.settings.folds:
            found["fold_skill"] = {
                key: {leader: record.skill for leader, record in records.items()}
                for key, records in self._records.items()
            }
        return found

    def snapshot(self) -> bytes:
        models = {
            key: {leader: model.snapshot().hex() for leader, model in of.items()}
            for key, of in self._models.items()
        }
        records = {
            key: {leader: record.state() for leader, record in of.items()}
            for key, of in self._records.items()
        }
        return json.dumps({"models": models, "records": records}).encode()

    def restore(self, state: bytes) -> None:
        loaded = json.loads(state)
        for key, of in loaded["models"].items():
            for leader, part in of.items():
                self._models[key][leader].restore(bytes.fromhex(part))
        for key, of in loaded["records"].items():
            for leader, part in of.items():
                self._records[key][leader].load(part)


_OWN_FEATURES = 4
"""How many features of the follower itself the model takes."""
_PRICES = frozenset({"weighted_mid", "microprice"})
"""Features that are prices: what counts is their distance from the mid, in basis points."""

_MARKETS = ("binance_usdm", "binance_coinm", "binance_spot")
"""Where one symbol trades in several markets, the earlier one leads: perpetuals move before spot."""


def _preference(key: str) -> tuple[int, str]:
    market = key.partition(":")[0]
    return (_MARKETS.index(market) if market in _MARKETS else len(_MARKETS), key)


def _mid_at(ahead: EngineInput | None, local_ns: IntColumn) -> FloatColumn:
    """Mids of the leader at those very times; NaN where it has no row."""
    mids = np.full(len(local_ns), np.nan)
    if ahead is not None and len(ahead.local_ns):
        at = np.minimum(np.searchsorted(ahead.local_ns, local_ns), len(ahead.local_ns) - 1)
        same = ahead.local_ns[at] == local_ns
        mids[same] = ahead.columns["mid"][at[same]]
    return mids


def _no_votes(engine: str, instrument: str, abstained: dict[str, int]) -> Votes:
    none, nothing = np.empty(0, np.int64), np.empty(0, np.float64)
    return Votes(engine, instrument, none, none, none.astype(np.int8), nothing, nothing, none, abstained)
