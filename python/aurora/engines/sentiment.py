"""Sentiment as an optional input of any engine: recent readings count for more, old ones expire."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from aurora.engines.history import History
from aurora.engines.port import Engine, EngineInput
from aurora.engines.series_engine import MINUTE_NS
from aurora.errors import RecoveryError
from aurora.messages import FloatColumn, IntColumn, Votes

SERIES = "sentiment"
COLUMN = "value"
STATE_VERSION = 1


class SentimentSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    weight: float = Field(0.5, gt=0, le=1, description="How far full agreement or opposition moves a vote")
    expiry_minutes: float = Field(
        1440.0, gt=0, le=525_600, description="Age at which a reading counts no more"
    )
    min_factor: float = Field(0.6, ge=0, le=1, description="Votes that it shrinks below this are withdrawn")


class SentimentTilt:
    """An engine whose votes lean with sentiment; it stays the engine that it is, by name and otherwise.

    Series ``sentiment``, column ``value``: readings from -1 (bad) to 1 (good); what is outside counts as that.
    Sentiment at t is the mean of readings known at t, weighted by 1 - age / expiry: straight from 1 to 0, so that an
    expired reading is gone and none leaves with a jump. A vote's edge and score are multiplied by 1 + weight × side ×
    sentiment; where that is below ``min_factor`` the vote is withdrawn (``sentiment_against``). Without a live
    reading votes stay as they are: sentiment is no engine's condition.
    """

    def __init__(self, engine: Engine, settings: SentimentSettings, instruments: Sequence[str]):
        self.engine = engine
        self.settings = settings
        self.name = engine.name
        self.refit_ns = engine.refit_ns
        self._expiry_ns = round(settings.expiry_minutes * MINUTE_NS)
        self._readings = {
            key: History(f"{SERIES} of {key}", (COLUMN,), 1) for key in sorted(set(instruments))
        }

    def vote(self, inputs: Mapping[str, EngineInput]) -> list[Votes]:
        for key, readings in self._readings.items():
            rows = inputs.get(key)
            news = None if rows is None else rows.series.get(SERIES)
            if news is not None and COLUMN in news.columns:
                readings.append(news)
        answers = [self._tilt(votes) for votes in self.engine.vote(inputs)]
        for key, rows in inputs.items():
            if key in self._readings and len(rows.local_ns):
                self._forget(self._readings[key], int(rows.local_ns[-1]))
        return answers

    def _forget(self, readings: History, now_ns: int) -> None:
        readings.drop(int(np.searchsorted(readings.known_ns, now_ns - self._expiry_ns, side="right")))

    def sentiment(self, instrument: str, local_ns: IntColumn) -> FloatColumn:
        """Sentiment at times from now on; NaN without a live reading."""
        readings = self._readings[instrument]
        known, value = readings.known_ns, np.clip(readings.values[:, 0], -1.0, 1.0)
        kept = ~np.isnan(value)
        known, value = known[kept], value[kept]
        latest = np.searchsorted(known, local_ns, side="right")
        oldest = np.searchsorted(known, local_ns - self._expiry_ns, side="right")
        sums, weights = np.zeros(len(local_ns)), np.zeros(len(local_ns))
        # From the newest backwards, one by one: the order of a sum is part of its bits.
        for back in range(1, int((latest - oldest).max(initial=0)) + 1):
            there = latest - back >= oldest
            at = np.maximum(latest - back, 0)
            weight = np.where(there, 1.0 - (local_ns - known[at]) / self._expiry_ns, 0.0)
            sums += weight * value[at]
            weights += weight
        with np.errstate(divide="ignore", invalid="ignore"):
            answer: FloatColumn = np.where(weights > 0, sums / weights, np.nan)
        return answer

    def _tilt(self, votes: Votes) -> Votes:
        if not len(votes.row) or votes.instrument not in self._readings:
            return votes
        sentiment = np.nan_to_num(self.sentiment(votes.instrument, votes.local_ns), nan=0.0)
        factor = 1.0 + self.settings.weight * votes.side * sentiment
        keep = factor >= self.settings.min_factor
        abstained = dict(votes.abstained)
        if not keep.all():
            abstained["sentiment_against"] = int((~keep).sum())
        return replace(
            votes,
            row=votes.row[keep],
            local_ns=votes.local_ns[keep],
            side=votes.side[keep],
            score=(votes.score * factor)[keep],
            edge_bps=(votes.edge_bps * factor)[keep],
            horizon_ns=votes.horizon_ns[keep],
            abstained=abstained,
            reliability=None if votes.reliability is None else votes.reliability[keep],
        )

    def refit(self, now_ns: int) -> None:
        self.engine.refit(now_ns)

    def findings(self) -> dict[str, Any]:
        return self.engine.findings()

    def snapshot(self) -> bytes:
        state = {
            "version": STATE_VERSION,
            "engine": self.engine.snapshot().hex(),
            "readings": {key: readings.state() for key, readings in self._readings.items()},
        }
        return json.dumps(state).encode()

    def restore(self, state: bytes) -> None:
        loaded = json.loads(state)
        if loaded.get("version") != STATE_VERSION or set(loaded.get("readings", ())) != set(self._readings):
            raise RecoveryError(
                f"no state of the engine {self.name!r} with sentiment; resume with the settings that wrote it"
            )
        self.engine.restore(bytes.fromhex(loaded["engine"]))
        for key, part in loaded["readings"].items():
            self._readings[key].load(part)
